// SPDX-License-Identifier: MIT
// How much longer everything takes under sanitizers and valgrind.

/** Tests multiply their time limits by this factor: the tools that check the native code slow it down. */
export const patience = Number(process.env.VFIO_TEST_PATIENCE ?? 1);
