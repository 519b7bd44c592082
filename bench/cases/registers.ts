// SPDX-License-Identifier: MIT
// What a register under measurement is: ours, and the twins' mapping of the same memory.
import type { Region } from 'vfio';
import type { Native } from '../../lib/native.js';

export type Width = 8 | 16 | 32 | 64;

/** Where a register of a width is that may be read, and one that may be written. */
export interface Place {
  readonly width: Width;
  readonly read: number;
  readonly write?: number;
}

/** Registers to measure on. */
export interface Registers extends AsyncDisposable {
  readonly region: Region;
  /** Where the twins have registers. */
  readonly address: number;
  readonly places: readonly Place[];
  /** The addon's own functions and a handle for them. */
  readonly addon?: { readonly native: Native; readonly handle: number };
}
