// SPDX-License-Identifier: MIT
// What a generator is: it makes the Markdown of the blocks with its name.

export interface Generator {
  /** Its numbers were measured, so no two runs agree: they are left out of the comparison. */
  readonly measured: boolean;
  /** Without an empty line at either end. `of` is what stands behind the name in the markers, if anything does. */
  markdown(of: string): string;
}
