// SPDX-License-Identifier: MIT
// The ordinary user that VM tests run as.

/** Nobody, who owns what an administrator gave it and nothing else. */
export const ordinaryUser = {
  /** Its group has the same number. */
  uid: 65534,
  /** What it may lock, in bytes: twice the largest buffer that a test maps, which is 256 MiB. */
  memlock: 2 ** 29,
} as const;
