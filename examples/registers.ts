// SPDX-License-Identifier: MIT
// Registers by name of an NVMe controller: fields, text, read-modify-write, arrays.
// Needs: an unused NVMe controller behind an IOMMU, and the rights to bind it (root).
// Run:   node dist/examples/registers.js [ADDRESS]     or, in the test machine: npm run example:registers
// Prints the size of its queues, its version and configuration as text, and whether it is disabled.
import { bindDevice, bindRegisters, defineRegisters, listDevices, openDevice } from 'vfio';

// The map follows the NVM Express Base Specification 2.0, 3.1.3. From here on, a misspelt register or
// field name is a compile error, and so is a write to a read-only register.
const NVME = defineRegisters({
  CAP: {
    at: 0x00,
    width: 64,
    access: 'ro',
    fields: { MQES: [15, 0], CQR: 16, TO: [31, 24], DSTRD: [35, 32] },
  },
  VS: { at: 0x08, access: 'ro', fields: { MJR: [31, 16], MNR: [15, 8], TER: [7, 0] } },
  CC: {
    at: 0x14,
    fields: { EN: 0, SHN: { bits: [15, 14], values: { none: 0, normal: 1, abrupt: 2 } } },
  },
  CSTS: { at: 0x1c, access: 'ro', fields: { RDY: 0, CFS: 1 } },
  SQTDBL: { at: 0x1000, access: 'wo', count: 64, stride: 8 },
});

const address = process.argv[2] ?? (await listDevices({ classCode: 0x010802 }))[0]?.address;
if (address === undefined) throw new Error('There is no NVMe controller on this machine');
await using _binding = await bindDevice(address);
await using device = await openDevice(address, { addressBits: 64 }); // NVMe pointers have 64 bits
const regs = bindRegisters(device.bar(0), NVME);

const { MQES, TO } = regs.CAP.get(); // one read of 64 bits
console.log(`queues of ${MQES + 1} entries, ready within ${TO * 500} ms`);
console.log(regs.VS.describe()); // VS 0x00010400 MJR=1 MNR=4 TER=0

regs.CC.set({ EN: 0, SHN: 0 }); // one read, one write; all other bits keep their values
await regs.CSTS.until({ RDY: 0 }, { timeout: TO * 500 });
console.log(regs.CC.describe(), regs.CSTS.RDY === 0 ? 'disabled' : 'still enabled');
console.log(`the tail doorbell of queue 3 is at 0x${regs.SQTDBL.at(3).offset.toString(16)}`);
