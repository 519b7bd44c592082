// SPDX-License-Identifier: MIT
// The order of the VM tests' files: the machine itself first, since a fault there explains all others;
// then by name, so that what one file leaves behind meets the same next file in every run. (jest's own
// order depends on the times of earlier runs.)

interface File {
  readonly path: string;
}

export default class NameSequencer {
  sort<T extends File>(files: readonly T[]): T[] {
    return [...files].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
  }

  /** jest would keep times here. */
  cacheResults(): void {}
}

function rank({ path }: File): string {
  return path.endsWith('/machine.test.js') ? '' : path;
}
