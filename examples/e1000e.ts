// SPDX-License-Identifier: MIT
// An Intel 82574 network card (Linux: e1000e): reset, MAC address, descriptor rings, loop-back and MSI-X.
// Needs: an unused 82574 behind an IOMMU (in QEMU: -device e1000e), and the rights to bind it (root).
// Run:   node dist/examples/e1000e.js [ADDRESS]     or, in the test machine: npm run example:e1000e
// Prints the MAC address, and for each of five frames whether the card received what it sent.
// Chapter numbers are those of the 82574 datasheet.
import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import {
  bindDevice,
  bindRegisters,
  bindStructs,
  defineRegisters,
  findDevice,
  openDevice,
} from 'vfio';

// 10.2: the registers. The card accepts 32-bit accesses only.
const E1000E = defineRegisters({
  CTRL: { at: 0x0000, fields: { FD: 0, SLU: 6, RST: 26 } },
  STATUS: { at: 0x0008, access: 'ro', fields: { FD: 0, LU: 1 } },
  EIAC: { at: 0x00dc, fields: { RXQ0: 20 } },
  IVAR: { at: 0x00e4, fields: { RXQ0_VECTOR: [2, 0], RXQ0_VALID: 3 } },
  ICR: { at: 0x00c0, access: 'rc' },
  IMS: { at: 0x00d0, fields: { RXQ0: 20 } }, // a 1 unmasks the cause
  IMC: { at: 0x00d8, access: 'wo' }, // a 1 masks it
  RCTL: { at: 0x0100, fields: { EN: 1, LBM: [7, 6], BAM: 15, SECRC: 26 } },
  TCTL: { at: 0x0400, fields: { EN: 1, PSP: 3, CT: [11, 4], COLD: [21, 12] } },
  RDBA: { at: 0x2800, width: 64, halves: 'lowFirst' },
  RDLEN: { at: 0x2808 },
  RDH: { at: 0x2810 },
  RDT: { at: 0x2818 },
  TDBA: { at: 0x3800, width: 64, halves: 'lowFirst' },
  TDLEN: { at: 0x3808 },
  TDH: { at: 0x3810 },
  TDT: { at: 0x3818 },
  RAL: { at: 0x5400 },
  RAH: { at: 0x5404, fields: { RAH: [15, 0], AV: 31 } },
});

// 7.1.4 and 7.2.10: the legacy descriptors.
const RECEIVE = defineRegisters({
  ADDRESS: { at: 0, width: 64 },
  LENGTH: { at: 8, width: 16 },
  STATUS: { at: 12, width: 8, fields: { DD: 0, EOP: 1 } },
  ERRORS: { at: 13, width: 8 },
});
const TRANSMIT = defineRegisters({
  ADDRESS: { at: 0, width: 64 },
  LENGTH: { at: 8, width: 16 },
  CMD: { at: 11, width: 8, fields: { EOP: 0, IFCS: 1, RS: 3 } },
  STA: { at: 12, width: 8, fields: { DD: 0 } },
});

const ENTRIES = 8; // a ring is a multiple of 128 bytes
const RING_BYTES = ENTRIES * 16;
const BUFFER_BYTES = 2048; // the size that RCTL.BSIZE = 0 means
const MAC_LOOPBACK = 1;

const address =
  process.argv[2] ?? (await findDevice({ vendorId: 0x8086, deviceId: 0x10d3 })).address;
await using binding = await bindDevice(address);
await using device = await openDevice(address, { addressBits: 64 });
const regs = bindRegisters(device.bar(0), E1000E);

// 4.6: mask all interrupts, reset, and mask again, because the reset changes the mask.
regs.IMC.write(0xffff_ffff);
regs.CTRL.set({ RST: 1 });
await setTimeout(2); // no access for 1 ms (10.2.2.1)
await regs.CTRL.until({ RST: 0 });
regs.IMC.write(0xffff_ffff);
regs.ICR.read();
regs.CTRL.set({ SLU: 1, FD: 1 });
await regs.STATUS.until({ LU: 1 }, { timeout: 5000 });

// The reset loads the card's address from its NVM.
const mac = Buffer.alloc(6);
mac.writeUInt32LE(regs.RAL.read(), 0);
mac.writeUInt16LE(regs.RAH.RAH, 4);
const shown = mac.toString('hex').replace(/..(?=.)/g, '$&:');
console.log(
  `e1000e at ${address}, MAC ${shown}, previous driver: ${binding.previousDriver ?? 'none'}`,
);

// Rings and buffers. Entry i of each ring always has buffer i of its own memory.
using rings = device.allocDma(4096);
using received = device.allocDma(ENTRIES * BUFFER_BYTES);
using sent = device.allocDma(ENTRIES * BUFFER_BYTES);
const receive = bindStructs(rings, RECEIVE, { count: ENTRIES, stride: 16 });
const transmit = bindStructs(rings, TRANSMIT, { count: ENTRIES, stride: 16, base: RING_BYTES });
for (let i = 0; i < ENTRIES; i++) {
  receive.at(i).ADDRESS.write(received.iovaAt(i * BUFFER_BYTES));
  transmit.at(i).ADDRESS.write(sent.iovaAt(i * BUFFER_BYTES));
}

regs.RDBA.write(rings.iovaAt(0));
regs.RDLEN.write(RING_BYTES);
regs.TDBA.write(rings.iovaAt(RING_BYTES));
regs.TDLEN.write(RING_BYTES);
for (const pointer of [regs.RDH, regs.TDH, regs.TDT]) pointer.write(0);

// 7.4.1: receive queue 0 raises MSI-X vector 0, which clears its cause in ICR.
device.busMaster = true;
using interrupts = device.enableInterrupts('msix', { count: 1 });
const arrived = interrupts.vector(0);
regs.IVAR.write(E1000E.IVAR.encode({ RXQ0_VECTOR: 0, RXQ0_VALID: 1 }));
regs.EIAC.write(E1000E.EIAC.encode({ RXQ0: 1 }));
regs.RCTL.set({ EN: 1, LBM: MAC_LOOPBACK, BAM: 1, SECRC: 1 });
regs.RDT.write(ENTRIES - 1); // the card owns every entry but one
regs.TCTL.set({ EN: 1, PSP: 1, CT: 15, COLD: 63 });

/** Sends a frame from entry `i`, and returns what the card received into entry `i`. */
async function loop(i: number, frame: Uint8Array): Promise<Uint8Array> {
  const { LENGTH, CMD, STA } = transmit.at(i);
  sent.copyFrom(frame, i * BUFFER_BYTES);
  LENGTH.write(frame.length);
  STA.write(0);
  CMD.write(TRANSMIT.CMD.encode({ EOP: 1, IFCS: 1, RS: 1 }));
  regs.IMS.write(E1000E.IMS.encode({ RXQ0: 1 })); // the card masks the cause at each interrupt
  regs.TDT.write((i + 1) % ENTRIES);
  await STA.until({ DD: 1 }, { timeout: 1000 });
  await arrived.once({ timeout: 1000 });

  const entry = receive.at(i);
  await entry.STATUS.until({ DD: 1, EOP: 1 }, { timeout: 100 });
  if (entry.ERRORS.read() !== 0) throw new Error(`entry ${i}: ${entry.ERRORS.describe()}`);
  const length = entry.LENGTH.read();
  const copy = received.u8.slice(i * BUFFER_BYTES, i * BUFFER_BYTES + length);
  entry.STATUS.write(0);
  regs.RDT.write(i); // the entry is the card's again
  return copy;
}

for (let n = 0; n < 5; n++) {
  const type = Buffer.from([0x88, 0xb5]); // EtherType for local experiments
  const frame = Buffer.concat([mac, mac, type, randomBytes(46 + n * 100)]);
  const same = Buffer.compare(frame, await loop(n, frame)) === 0;
  console.log(`frame ${n} of ${frame.length} bytes: ${same ? 'the same' : 'DIFFERENT'}`);
  if (!same) process.exitCode = 1;
}
regs.RCTL.set({ EN: 0 });
regs.TCTL.set({ EN: 0 });
