// SPDX-License-Identifier: MIT
// How much longer everything takes under sanitizers and valgrind.

/** How many times longer than usual anything may take: what watches the native code slows it down. */
export const patience = Number(process.env.VFIO_TEST_PATIENCE ?? 1);
