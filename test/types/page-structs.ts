// SPDX-License-Identifier: MIT
// Structs in memory, as docs/registers.md shows them.
import { bindStructs, type Device, defineRegisters } from 'vfio';

// A ring of descriptors: the driver writes ADDRESS, LENGTH and OWN, the device clears OWN.
const DESCRIPTOR = defineRegisters({
  ADDRESS: { at: 0, width: 64 },
  LENGTH: { at: 8, width: 16 },
  CONTROL: { at: 12, fields: { OWN: 31, ERROR: 30, LAST: 0 } },
});

export async function send(device: Device, packet: Uint8Array): Promise<void> {
  using ring = device.allocDma(4096);
  using data = device.allocDma(4096);
  const descriptors = bindStructs(ring, DESCRIPTOR, { count: 256, stride: 16 });

  data.copyFrom(packet);
  const { ADDRESS, LENGTH, CONTROL } = descriptors.at(0);
  ADDRESS.write(data.iovaAt(0)); // Atomics.store of 64 bits
  LENGTH.write(packet.length);
  CONTROL.set({ OWN: 1, LAST: 1 }); // last: it hands the descriptor over
  device.bar(0).write32(0x18, 1); // the doorbell

  const { ERROR } = await CONTROL.until({ OWN: 0 }, { timeout: 100 });
  if (ERROR === 1) throw new Error(CONTROL.describe()); // [0].CONTROL 0x40000001 OWN=0 ERROR=1 LAST=1
}
