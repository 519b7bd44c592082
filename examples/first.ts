// SPDX-License-Identifier: MIT
// A device's registers, its DMA memory and an interrupt, in twenty lines; it is README's snippet.
// Needs: an unused NVMe controller behind an IOMMU, and the rights to bind it (root).
// Run:   node dist/examples/first.js [ADDRESS]     or, in the test machine: npm run example:first
// Prints the NVMe version, the IOVA of the DMA memory, the number of interrupts, and the previous driver.
import { bindDevice, listDevices, openDevice } from 'vfio';

const [nvme] = await listDevices({ classCode: 0x010802 }); // the first NVMe controller
const address = process.argv[2] ?? nvme?.address;
if (address === undefined) throw new Error('There is no NVMe controller on this machine');
await using binding = await bindDevice(address); // to vfio-pci; restored at the end
await using device = await openDevice(address, { addressBits: 64 }); // NVMe pointers have 64 bits

const registers = device.bar(0);
const version = registers.read32(0x08); // VS: one load of exactly 32 bits
console.log(`${address}: NVMe ${version >>> 16}.${(version >>> 8) & 0xff}`);

using memory = device.allocDma(4096);
memory.u32.fill(0);
console.log(`4 KiB of DMA memory at IOVA 0x${memory.iova.toString(16)}`);

device.busMaster = true; // the device may now reach that memory, and nothing else
using interrupts = device.enableInterrupts('msix', { count: 1 });
const vector = interrupts.vector(0);
vector.trigger(); // the kernel raises it on behalf of the device
const count = await vector.once({ timeout: 1000 }); // an interrupt that came before is not lost
console.log(`interrupts: ${count}, previous driver: ${binding.previousDriver}`);
