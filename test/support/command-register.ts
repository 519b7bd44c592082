// SPDX-License-Identifier: MIT
// The bits of a PCI function's command register.

/** The offset of the command register in config space, and the masks of its bits. */
export const command = { register: 0x04, memory: 0x2, busMaster: 0x4, intxDisable: 0x400 };
