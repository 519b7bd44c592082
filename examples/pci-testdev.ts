// SPDX-License-Identifier: MIT
// Memory and I/O ports with QEMU's `pci-testdev` (docs/specs/pci-testdev in QEMU), which counts accesses.
// Needs: a pci-testdev behind an IOMMU, and the rights to bind it (root).
// Run:   node dist/examples/pci-testdev.js [ADDRESS]     or, in the test machine: npm run example:pci-testdev
// Prints, for its memory BAR and its I/O port BAR, what the device counted and the time for each write.
import {
  bindDevice,
  bindRegisters,
  defineRegisters,
  findDevice,
  openDevice,
  type Region,
} from 'vfio';

// Both BARs have this layout. The device says which write it counts: WIDTH bytes of DATA at OFFSET.
const TESTDEV = defineRegisters({
  TEST: { at: 0, width: 8, access: 'wo' }, // selects a test and sets COUNT to 0
  WIDTH: { at: 1, width: 8, access: 'ro' },
  OFFSET: { at: 4, access: 'ro' },
  DATA: { at: 8, access: 'ro' },
  COUNT: { at: 12, access: 'ro' },
  NAME: { at: 16, width: 8, access: 'ro', count: 32, stride: 1 }, // ends with a zero
});

/** The test that counts each write. In the others, the device signals an eventfd of QEMU instead. */
const COUNTED = 0;
const WRITES = 1000;

const address =
  process.argv[2] ?? (await findDevice({ vendorId: 0x1b36, deviceId: 0x0005 })).address;
await using _binding = await bindDevice(address);
await using device = await openDevice(address);

/** Returns the write that the device counts. I/O ports have no wider access than 32 bits. */
function counted(bar: Region, width: number, offset: number, data: number): () => void {
  if (width === 1) return () => bar.write8(offset, data);
  if (width === 2) return () => bar.write16(offset, data);
  if (width === 4) return () => bar.write32(offset, data);
  throw new Error(`${bar.name}: the device asks for writes of ${width} bytes`);
}

/** Makes the writes of one test. Returns whether the device counted all of them. */
function count(bar: Region): boolean {
  const regs = bindRegisters(bar, TESTDEV);
  regs.TEST.write(COUNTED);
  let name = '';
  for (let i = 0; i < regs.NAME.count && regs.NAME.at(i).read() !== 0; i++) {
    name += String.fromCharCode(regs.NAME.at(i).read());
  }
  const write = counted(bar, regs.WIDTH.read(), regs.OFFSET.read(), regs.DATA.read());
  const start = process.hrtime.bigint();
  for (let i = 0; i < WRITES; i++) write();
  const each = Number(process.hrtime.bigint() - start) / WRITES;
  const seen = regs.COUNT.read();
  const kind = bar.ioPorts ? 'I/O ports' : 'memory';
  console.log(
    `${bar.name} (${kind}), ${name}: ${seen} of ${WRITES} writes, ${each.toFixed(0)} ns each`,
  );
  return seen === WRITES;
}

console.log(`pci-testdev at ${address}`);
const all = [device.bar(0), device.bar(1)].map(count);
if (!all.every(Boolean)) process.exitCode = 1;
