// SPDX-License-Identifier: MIT
export const sysfsOperations: Record<string, unknown> = {
  bindDevice: 1,
  listDevices: 1,
  'Binding.restore': 1,
  'Binding.[asyncDispose]': 1,
};
