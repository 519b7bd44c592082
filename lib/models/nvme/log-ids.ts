// SPDX-License-Identifier: MIT
// The identifiers of the log pages that the model has (NVMe Base Specification 2.0, figure 202).

export const LogId = {
  SUPPORTED: 0x00,
  ERROR: 0x01,
  SMART: 0x02,
  FIRMWARE: 0x03,
  CHANGED_NAMESPACES: 0x04,
  EFFECTS: 0x05,
} as const;
