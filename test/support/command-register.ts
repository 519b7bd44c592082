// SPDX-License-Identifier: MIT
// The bits of a PCI function's command register.

/** Bits of the command register of a PCI function, and where it is in config space. */
export const command = { register: 0x04, memory: 0x2, busMaster: 0x4, intxDisable: 0x400 };
