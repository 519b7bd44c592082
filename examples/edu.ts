// SPDX-License-Identifier: MIT
// Registers, DMA and an interrupt with QEMU's teaching device `edu` (docs/specs/edu in QEMU).
// Needs: an edu device behind an IOMMU, and the rights to bind it (root).
// Run:   node dist/examples/edu.js [ADDRESS]     or, in the test machine: npm run example:edu
// Prints the registers it reads, the factorial of 10, whether DMA returned the same data, and whether MSI arrived.
import { randomFillSync } from 'node:crypto';
import { bindDevice, listDevices, openDevice } from 'vfio';

/** Registers of BAR 0. Below 0x80 they accept only 32-bit accesses. */
const EDU = {
  IDENTIFICATION: 0x00,
  LIVENESS: 0x04,
  FACTORIAL: 0x08,
  STATUS: 0x20,
  INTERRUPT_STATUS: 0x24,
  INTERRUPT_ACKNOWLEDGE: 0x64,
  DMA_SOURCE: 0x80,
  DMA_DESTINATION: 0x88,
  DMA_COUNT: 0x90,
  DMA_COMMAND: 0x98,
} as const;

/** STATUS: raise an interrupt when the factorial is done. */
const RAISE_AFTER_FACTORIAL = 0x80;
/** DMA_COMMAND: start; copy to memory instead of to the device; raise an interrupt when done. */
const DMA_START = 0x01;
const DMA_TO_MEMORY = 0x02;
const DMA_RAISE = 0x04;
/** INTERRUPT_STATUS: which of the two operations is done. */
const FACTORIAL_DONE = 0x001;
const DMA_DONE = 0x100;

/**
 * The address of the device's 4 KiB buffer in its own address space. A transfer beyond the end of the
 * buffer stops QEMU 7.2. So does a transfer that ends exactly there, so the last word stays unused.
 */
const BUFFER = 0x40000;
const TRANSFER_BYTES = 4096 - 4;

const address =
  process.argv[2] ?? (await listDevices({ vendorId: 0x1234, deviceId: 0x11e8 }))[0]?.address;
if (address === undefined) throw new Error('There is no edu device (1234:11e8) on this machine');

await using binding = await bindDevice(address);
// QEMU's edu drives 28 address bits, unless its property dma_mask allows more.
await using device = await openDevice(address, { addressBits: 28 });
const registers = device.bar(0);
console.log(`edu at ${address}, previous driver: ${binding.previousDriver ?? 'none'}`);

// 1. Identification: 0xRRrr00ed has the major version RR, the minor version rr and the mark 0xed.
const identification = registers.read32(EDU.IDENTIFICATION);
console.log(`identification 0x${identification.toString(16)}, version ${identification >>> 24}`);

// 2. Liveness check: the device returns the inverse of the value you write.
registers.write32(EDU.LIVENESS, 0x12345678);
const inverse = registers.read32(EDU.LIVENESS);
const alive = inverse === ~0x12345678 >>> 0;
console.log(`liveness 0x${inverse.toString(16)}: ${alive ? 'ok' : 'WRONG'}`);

// 3. An MSI is a DMA write by the device, so it needs bus master.
device.busMaster = true;
using interrupts = device.enableInterrupts('msi', { count: 1 });
const interrupt = interrupts.vector(0);

/** Starts an operation, waits for its interrupt, and acknowledges it. Returns the reason it read. */
async function interruptOf(start: () => void): Promise<number> {
  start();
  await interrupt.once({ timeout: 5000 });
  const reason = registers.read32(EDU.INTERRUPT_STATUS);
  registers.write32(EDU.INTERRUPT_ACKNOWLEDGE, reason);
  return reason;
}

// 4. A computation that takes a while. The device raises an interrupt when it is done.
const computed = await interruptOf(() => {
  registers.write32(EDU.STATUS, RAISE_AFTER_FACTORIAL);
  registers.write32(EDU.FACTORIAL, 10);
});
const factorial = registers.read32(EDU.FACTORIAL);
console.log(`10! = ${factorial}, announced by MSI: ${computed === FACTORIAL_DONE ? 'yes' : 'NO'}`);

// 5. DMA: copy one page of memory to the device, and back to another page.
using memory = device.allocDma(8192);
const sent = memory.u8.subarray(0, TRANSFER_BYTES);
const received = memory.u8.subarray(4096, 4096 + TRANSFER_BYTES);
randomFillSync(sent);

/** Both addresses are device addresses: one is an IOVA, the other is in the device's own buffer. */
async function transfer(source: bigint, destination: bigint, direction: number): Promise<number> {
  registers.write64(EDU.DMA_SOURCE, source);
  registers.write64(EDU.DMA_DESTINATION, destination);
  registers.write64(EDU.DMA_COUNT, BigInt(TRANSFER_BYTES));
  return interruptOf(() => {
    registers.write64(EDU.DMA_COMMAND, BigInt(DMA_START | direction | DMA_RAISE));
  });
}

const there = await transfer(BigInt(memory.address(0)), BigInt(BUFFER), 0);
const back = await transfer(BigInt(BUFFER), BigInt(memory.address(4096)), DMA_TO_MEMORY);
const announced = there === DMA_DONE && back === DMA_DONE;
const same = Buffer.compare(sent, received) === 0;
console.log(`DMA of ${TRANSFER_BYTES} bytes there and back: ${same ? 'the same' : 'DIFFERENT'}`);
console.log(`announced by MSI: ${announced ? 'yes' : 'NO'}`);

if (!alive || factorial !== 3628800 || !same || !announced) process.exitCode = 1;
