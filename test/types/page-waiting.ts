// SPDX-License-Identifier: MIT
// Waiting for fields, as docs/registers.md shows it.
import { bindRegisters, type Device, defineRegisters } from 'vfio';

const PORT = defineRegisters({
  STATUS: { at: 0x08, access: 'ro', fields: { LU: 1, SPEED: [7, 6] } },
  LANE: { at: 0x40, access: 'ro', width: 8, count: 4, fields: { READY: 0 } },
  // The device accepts 32-bit accesses only, and starts when the high half is written.
  RING: { at: 0x14, width: 64, halves: 'lowFirst' },
});

export async function start(device: Device, ring: bigint, signal: AbortSignal): Promise<number> {
  const regs = bindRegisters(device.bar(0), PORT);
  regs.RING.write(ring); // two writes of 32 bits: 0x14, then 0x18
  for (let lane = 0; lane < regs.LANE.count; lane++) {
    await regs.LANE.at(lane).until({ READY: 1 }); // 1000 ms at most
  }
  const { SPEED } = await regs.STATUS.until({ LU: 1 }, { timeout: 5000, signal });
  return SPEED;
}
