// SPDX-License-Identifier: MIT
// The system calls of mapping memory and arming interrupts: the library asks only for facts that it does not know yet.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Container, type Device, type DmaBuffer } from '../../lib/index.js';
import { syscalls, useFakeKernel } from '../../tools/testing-addon.js';

const kernel = useFakeKernel();
let container: Container;
let device: Device;

beforeAll(async () => {
  container = await Container.open();
  device = await container.openDevice('0000:01:00.0');
});

afterAll(async () => {
  await container.close();
  kernel.end();
});

/** The names of the system calls that `work` makes. */
function callsOf(work: () => unknown): string[] {
  syscalls().trace();
  syscalls().takeTrace();
  work();
  return syscalls()
    .takeTrace()
    .map((call) => call.replace(/ = .*/, ''));
}

const ioctlsOf = (work: () => unknown) => callsOf(work).filter((call) => call.startsWith('ioctl'));

test('a mapping is one ioctl, and so is its end', () => {
  let buffer: DmaBuffer | undefined;
  const map = () => {
    buffer = device.allocDma(4096);
  };
  expect(ioctlsOf(map)).toEqual(['ioctl VFIO_IOMMU_MAP_DMA']);
  expect(ioctlsOf(() => buffer?.close())).toEqual(['ioctl VFIO_IOMMU_UNMAP_DMA']);
});

test('a size that cannot be mapped asks for nothing at all', () => {
  expect(callsOf(() => expect(() => device.allocDma(4097)).toThrow())).toEqual([]);
});

test('arming looks once whether bus master is on', () => {
  device.busMaster = true;
  const calls = callsOf(() => device.enableInterrupts('msix'));
  expect(calls).toEqual(['eventfd', 'pread', 'ioctl VFIO_DEVICE_SET_IRQS']);
});
