// SPDX-License-Identifier: MIT
// Matches names against the patterns in the lists of test/*.txt.

/** Compiles a pattern that must match a whole name, and in which `*` stands for any text. */
export function glob(pattern: string): RegExp {
  const parts = pattern.split('*').map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`);
}
