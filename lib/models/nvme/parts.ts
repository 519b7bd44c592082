// SPDX-License-Identifier: MIT
// The parts of the controller that its commands use.
import type { Events } from './events.js';
import type { Features } from './features.js';
import type { NvmeHost } from './host.js';
import type { Logs } from './logs.js';
import type { NvmeNamespaces } from './namespaces.js';
import type { Settings } from './options.js';
import type { EntrySizes, Queues } from './queues.js';

export interface Parts {
  readonly settings: Settings;
  readonly host: NvmeHost;
  readonly namespaces: NvmeNamespaces;
  readonly queues: Queues;
  readonly features: Features;
  readonly logs: Logs;
  readonly events: Events;
  /** CC.IOSQES and CC.IOCQES, as powers of two. */
  readonly entrySizes: EntrySizes;
  /** Completes a command that has not completed as aborted. Returns whether there was one. */
  abort(queue: number, cid: number): boolean;
  /** Completes the commands of a submission queue that have not completed, because it will be deleted. */
  endCommandsOf(queue: number): void;
}

/** The memory page size: CC.MPS must be 0. */
export const PAGE_BYTES = 4096;
