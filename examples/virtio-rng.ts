// SPDX-License-Identifier: MIT
// A virtio entropy device: capabilities, a split virtqueue as structs in DMA memory, and MSI-X.
// Needs: a virtio-rng device behind an IOMMU (in QEMU: iommu_platform=on,disable-legacy=on), and root.
// Run:   node dist/examples/virtio-rng.js [ADDRESS]     or, in the test machine: npm run example:virtio-rng
// Prints the size of its queue, and three times 16 random bytes, each after an interrupt.
// Section numbers are those of the Virtio specification, version 1.2.
import {
  bindDevice,
  bindRegisters,
  bindStructs,
  defineRegisters,
  findDevice,
  openDevice,
  type Region,
} from 'vfio';

// 4.1.4.3: the common configuration structure. Its 64-bit fields take two accesses of 32 bits.
const COMMON = defineRegisters({
  device_feature_select: { at: 0 },
  device_feature: { at: 4, access: 'ro', fields: { VERSION_1: 0, ACCESS_PLATFORM: 1 } }, // bits 32, 33
  driver_feature_select: { at: 8 },
  driver_feature: { at: 12, fields: { VERSION_1: 0, ACCESS_PLATFORM: 1 } },
  device_status: {
    at: 20,
    width: 8,
    fields: { ACKNOWLEDGE: 0, DRIVER: 1, DRIVER_OK: 2, FEATURES_OK: 3, NEEDS_RESET: 6, FAILED: 7 },
  },
  queue_select: { at: 22, width: 16 },
  queue_size: { at: 24, width: 16 },
  queue_msix_vector: { at: 26, width: 16 },
  queue_enable: { at: 28, width: 16 },
  queue_notify_off: { at: 30, width: 16, access: 'ro' },
  queue_desc: { at: 32, width: 64, halves: 'lowFirst' },
  queue_driver: { at: 40, width: 64, halves: 'lowFirst' },
  queue_device: { at: 48, width: 64, halves: 'lowFirst' },
});

// 2.7: a split virtqueue of 8 entries. One page holds its three parts.
const SIZE = 8;
const DESCRIPTOR = defineRegisters({
  addr: { at: 0, width: 64 },
  len: { at: 8 },
  flags: { at: 12, width: 16, fields: { NEXT: 0, WRITE: 1 } },
});
const AVAILABLE = defineRegisters({
  idx: { at: 2, width: 16 },
  ring: { at: 4, width: 16, count: SIZE, stride: 2 },
});
const USED = defineRegisters({
  idx: { at: 2, width: 16, access: 'ro' },
  len: { at: 8, access: 'ro', count: SIZE, stride: 8 },
});
const AVAILABLE_AT = 0x400;
const USED_AT = 0x800;
const DATA_AT = 0xc00;

const address =
  process.argv[2] ?? (await findDevice({ vendorId: 0x1af4, deviceId: 0x1044 })).address;
await using _binding = await bindDevice(address);
await using device = await openDevice(address, { addressBits: 64 });

/** 4.1.4: vendor-specific capabilities say where in the BARs each structure is. */
function structure(type: number): { region: Region; offset: number; bytes: Buffer } {
  for (const capability of device.config.capabilities()) {
    if (capability.name !== 'vendor' || capability.bytes[3] !== type) continue;
    const { bytes } = capability;
    return { region: device.bar(bytes.readUInt8(4)), offset: bytes.readUInt32LE(8), bytes };
  }
  throw new Error(`${address} has no virtio structure of type ${type}`);
}

const { region, offset } = structure(1);
const common = bindRegisters(region, COMMON, offset);

// 3.1.1: reset, then agree on features: version 1, and addresses that the IOMMU translates.
common.device_status.write(0);
await common.device_status.until({ ACKNOWLEDGE: 0, DRIVER: 0, DRIVER_OK: 0, FEATURES_OK: 0 });
common.device_status.set({ ACKNOWLEDGE: 1 });
common.device_status.set({ DRIVER: 1 });
common.device_feature_select.write(1);
if (common.device_feature.ACCESS_PLATFORM === 0) {
  throw new Error(`${address} uses physical addresses: start QEMU with iommu_platform=on`);
}
common.driver_feature_select.write(0);
common.driver_feature.write(0);
common.driver_feature_select.write(1);
common.driver_feature.write(COMMON.driver_feature.encode({ VERSION_1: 1, ACCESS_PLATFORM: 1 }));
common.device_status.set({ FEATURES_OK: 1 });
if (common.device_status.FEATURES_OK === 0) throw new Error(`${address} refuses these features`);

// 4.1.5.1.3: the request queue, with its interrupt.
device.busMaster = true;
using interrupts = device.enableInterrupts('msix', { count: 1 });
const vector = interrupts.vector(0);
using memory = device.allocDma(4096);
const descriptors = bindStructs(memory, DESCRIPTOR, { count: SIZE, stride: 16 });
const available = bindRegisters(memory, AVAILABLE, AVAILABLE_AT);
const used = bindRegisters(memory, USED, USED_AT);

common.queue_select.write(0);
console.log(`virtio-rng at ${address}, a queue of ${common.queue_size.read()} entries`);
common.queue_size.write(SIZE);
common.queue_msix_vector.write(0);
common.queue_desc.write(memory.iovaAt(0));
common.queue_driver.write(memory.iovaAt(AVAILABLE_AT));
common.queue_device.write(memory.iovaAt(USED_AT));
common.queue_enable.write(1);
common.device_status.set({ DRIVER_OK: 1 });

// 4.1.4.4: where this queue is notified.
const notify = structure(2);
const bell = notify.offset + common.queue_notify_off.read() * notify.bytes.readUInt32LE(16);

/** Returns `bytes` random bytes. 2.7.13: the index hands the buffer over, so it is written last. */
async function random(bytes: number): Promise<Uint8Array> {
  const { addr, len, flags } = descriptors.at(0);
  addr.write(memory.iovaAt(DATA_AT));
  len.write(bytes);
  flags.write(DESCRIPTOR.flags.encode({ NEXT: 0, WRITE: 1 }));
  const index = available.idx.read();
  available.ring.at(index % SIZE).write(0);
  available.idx.write((index + 1) & 0xffff);
  notify.region.write16(bell, 0);
  await vector.once({ timeout: 1000 });
  if (used.idx.read() === index) throw new Error('an interrupt without a used buffer');
  return memory.u8.slice(DATA_AT, DATA_AT + used.len.at(index % SIZE).read());
}

for (let i = 0; i < 3; i++) {
  console.log(`${Buffer.from(await random(16)).toString('hex')} after ${vector.count} interrupts`);
}
common.device_status.write(0); // a reset: the device no longer uses the memory
