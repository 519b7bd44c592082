// SPDX-License-Identifier: MIT
// The types of the tables: what an operation does, which system calls it makes, and what it does when one fails.
import type { Beginning, Scene } from './scene.js';

/** An operation that makes system calls, each of which can fail. */
export interface Scenario {
  /** Tells scenarios of the same operation apart. */
  on?: string;
  /** The default is `everything`. */
  beginning?: Beginning;
  /** Brings the scene to the state in which the operation begins. */
  prepare?(scene: Scene): unknown;
  run(scene: Scene): unknown;
  /**
   * The calls that may fail without making the operation fail: `pread` for each, or `pread 2` for the second alone.
   * `close` need not be named: the kernel closes a descriptor even if it reports an error.
   */
  tolerates?: readonly string[];
  /**
   * Whether the operation goes on to its end after a failure of any call, or of these calls. The state is then the same
   * as after success. Otherwise, the state is the same as before the operation.
   */
  endsAnyway?: boolean | readonly string[];
  /** For an operation that ends anyway: the calls after whose failure the kernel keeps the resources that it held. */
  keeps?: readonly string[];
  /** Repairs the state after a failure, and must succeed. The default is to run the operation again. */
  again?(scene: Scene): unknown;
  /** The calls after whose failure the state is only right once `again` has run. */
  unsettles?: readonly string[];
  /** The real name of a request for the name that the trace shows. Two requests can have the same number. */
  requests?: Record<string, string>;
  /** The code of the error for an errno, if it is not the name of the errno. */
  codes?: Record<string, string>;
}

/** An operation that makes no system call at all. */
export type Quiet = (scene: Scene) => unknown;

/** The scenarios of each operation, by the names that publicOperations() returns. */
export type Operations = Record<string, Quiet | Scenario | readonly (Quiet | Scenario)[]>;

/** EIO from a read or write of a region means the same as a bus error in a mapping. */
export const busError = { EIO: 'ERR_VFIO_BUS' };
