// SPDX-License-Identifier: MIT
// The type of a generator, which makes the Markdown of the blocks with its name.

export interface Generator {
  /** Whether its numbers are measured. Then they differ in each run, and `--check` does not compare them. */
  readonly measured: boolean;
  /** Returns the text, without empty lines at its ends. `of` is the text after the name in the marker, often empty. */
  markdown(of: string): string;
}
