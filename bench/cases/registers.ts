// SPDX-License-Identifier: MIT
// The types of the registers to measure: the library's region, and the mapping that the twins access.
import type { Region } from 'vfio';
import type { Native } from '../../lib/native.js';

export type Width = 8 | 16 | 32 | 64;

/** The offsets of a register of this width that can be read, and of one that can be written. */
export interface Place {
  readonly width: Width;
  readonly read: number;
  readonly write?: number;
}

/** Registers to measure on. */
export interface Registers extends AsyncDisposable {
  readonly region: Region;
  /** The address of the twins' mapping. */
  readonly address: number;
  readonly places: readonly Place[];
  /** The addon's functions, and a handle for them. */
  readonly addon?: { readonly native: Native; readonly handle: number };
}
