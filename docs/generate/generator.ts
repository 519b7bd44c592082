// SPDX-License-Identifier: MIT
// What makes one generated block.

export interface Generator {
  /** Its numbers were measured, so no two runs agree: they are left out of the comparison. */
  readonly measured: boolean;
  /** Without an empty line at either end. */
  markdown(): string;
}
