// SPDX-License-Identifier: MIT
// The ordinary user that VM tests run as.

/** The user "nobody". It owns only what an administrator gave it. */
export const ordinaryUser = {
  /** The number of the user, and of its group. */
  uid: 65534,
  /** Its limit on locked memory, in bytes: twice the largest buffer that a test maps, which is 256 MiB. */
  memlock: 2 ** 29,
} as const;
