// SPDX-License-Identifier: MIT
// What a public operation does, what it asks of the system, and what it makes of a system call that fails.
import type { Beginning, Scene } from './scene.js';

/** An operation that makes system calls, each of which can fail. */
export interface Scenario {
  /** What it is done on, where there are several. */
  on?: string;
  /** `everything` unless said. */
  beginning?: Beginning;
  /** Brings the scene to where the operation begins. */
  prepare?(scene: Scene): unknown;
  run(scene: Scene): unknown;
  /**
   * The calls whose failure does it no harm: `pread`, or `pread 2` for the second alone. A close that fails has
   * closed, so that is one everywhere.
   */
  tolerates?: readonly string[];
  /**
   * It goes on to its end, whatever fails or after the failure of these: all is as when it succeeds. Else all is as
   * before.
   */
  endsAnyway?: boolean | readonly string[];
  /** Of one that ends anyway, calls after whose failure the kernel keeps what it had. */
  keeps?: readonly string[];
  /** Shows that all is well again, by doing it once more or otherwise; the operation itself unless said. */
  again?(scene: Scene): unknown;
  /** Calls after whose failure that is not so before it was done again. */
  unsettles?: readonly string[];
  /** Requests by the name that the table of system calls has for their number, which two can share. */
  requests?: Record<string, string>;
  /** An errno that has another code than its name. */
  codes?: Record<string, string>;
}

/** An operation that makes no system call at all. */
export type Quiet = (scene: Scene) => unknown;

/** By the names that publicOperations() gives. */
export type Operations = Record<string, Quiet | Scenario | readonly (Quiet | Scenario)[]>;

/** The kernel's EIO for a region is what a bus error is for a mapping. */
export const busError = { EIO: 'ERR_VFIO_BUS' };
