// SPDX-License-Identifier: MIT
// The operations of containers, groups and DMA buffers, and the functions that open devices.
import { Container, openDevice, VfioError } from '../../../lib/index.js';
import type { Operations, Scenario } from './scenario.js';
import { address, elsewhere, groupId, mate, page, type Scene } from './scene.js';

/**
 * The calls that quiet the device. If one fails, the kernel quiets the device when the descriptor closes. If mmap
 * cannot replace pages, the old pages stay, but their users have already been told to keep off.
 */
const quieting = ['mmap', 'VFIO_DEVICE_SET_IRQS', 'VFIO_IOMMU_GET_INFO', 'pread', 'pwrite'];

const closeContainer: Scenario = {
  run: ({ container }) => container.close(),
  tolerates: quieting,
  endsAnyway: true,
};
const closeGroup: Scenario = {
  run: ({ group }) => group.close(),
  tolerates: quieting,
  endsAnyway: true,
};
/** If the kernel does not unmap the pages, it keeps them: the device can still write to them. */
const closeBuffer: Scenario = {
  run: ({ buffer }) => buffer.close(),
  tolerates: ['mmap'],
  endsAnyway: true,
  keeps: ['VFIO_IOMMU_UNMAP_DMA'],
};

/** Closes the device but not the container, whose buffers are mapped again for the next device. */
async function closeDeviceOnly(scene: Scene): Promise<void> {
  scene.device.allocDma(page, { direction: 'toDevice' });
  await scene.group.close();
}

export const containerOperations: Operations = {
  'Container.open (static)': {
    beginning: 'nothing',
    run: (scene) => scene.keep(Container.open()),
  },
  'Container.openDevice': [
    {
      beginning: 'a container',
      run: ({ container }) => container.openDevice(address),
    },
    {
      on: 'in a group that is held',
      run: ({ container }) => container.openDevice(mate),
    },
    {
      on: 'with mappings to make again',
      prepare: closeDeviceOnly,
      run: ({ container }) => container.openDevice(address),
    },
  ],
  'Container.openGroup': [
    { beginning: 'a container', run: ({ container }) => container.openGroup(groupId) },
    {
      on: 'with mappings to make again',
      prepare: closeDeviceOnly,
      run: ({ container }) => container.openGroup(groupId),
    },
  ],
  'Container.allocDma': allocations((scene, ...args) => scene.container.allocDma(...args)),
  'Container.allocDmaAsync': allocations((scene, ...args) =>
    scene.container.allocDmaAsync(...args),
  ),
  'Container.close': closeContainer,
  'Container.[asyncDispose]': {
    ...closeContainer,
    run: ({ container }) => container[Symbol.asyncDispose](),
  },
  'Container.info': { run: ({ container }) => container.info },
  'Container.backend': ({ container }) => container.backend,
  'Container.devices': ({ container }) => container.devices,
  'Container.groups': ({ container }) => container.groups,
  'Container.closed': ({ container }) => container.closed,

  'Group.openDevice': { run: ({ group }) => group.openDevice(mate) },
  'Group.close': closeGroup,
  'Group.[asyncDispose]': { ...closeGroup, run: ({ group }) => group[Symbol.asyncDispose]() },
  'Group.closed': ({ group }) => group.closed,
  // These read sysfs through node:fs, and test/memory/sysfs-calls.test.ts makes those calls fail.
  'Group.members': ({ group }) => group.members,
  'Group.blockers': ({ group }) => group.blockers,
  'Group.viable': ({ group }) => group.viable,

  openDevice: [
    { beginning: 'nothing', run: (scene) => scene.keep(openDevice(address)) },
    {
      on: 'in a container',
      beginning: 'a container',
      run: ({ container }) => openDevice(address, { container }),
    },
    {
      on: 'in the container that holds its group',
      run: ({ container }) => openDevice(mate, { container }),
    },
  ],
  'new VfioError': () => new VfioError('EIO', elsewhere),

  'DmaBuffer.close': closeBuffer,
  'DmaBuffer.[dispose]': { ...closeBuffer, run: ({ buffer }) => buffer[Symbol.dispose]() },
  'DmaBuffer.buffer': ({ buffer }) => buffer.buffer,
  'DmaBuffer.u8': ({ buffer }) => buffer.u8,
  'DmaBuffer.u16': ({ buffer }) => buffer.u16,
  'DmaBuffer.u32': ({ buffer }) => buffer.u32,
  'DmaBuffer.u64': ({ buffer }) => buffer.u64,
  'DmaBuffer.view': ({ buffer }) => buffer.view,
  'DmaBuffer.closed': ({ buffer }) => buffer.closed,
  'DmaBuffer.address': ({ buffer }) => buffer.address(8),
  'DmaBuffer.iovaAt': ({ buffer }) => buffer.iovaAt(8),
  'DmaBuffer.low': ({ buffer }) => buffer.low(8),
  'DmaBuffer.high': ({ buffer }) => buffer.high(8),
  'DmaBuffer.copyFrom': ({ buffer }) => buffer.copyFrom(Uint8Array.of(1, 2), 8),
  'DmaBuffer.copyTo': ({ buffer }) => buffer.copyTo(new Uint8Array(2), 8),
  'Device.allocDma': allocations((scene, ...args) => scene.device.allocDma(...args)),
  'Device.allocDmaAsync': allocations((scene, ...args) => scene.device.allocDmaAsync(...args)),
};

/** An allocation succeeds even if MADV_DONTDUMP or MADV_HUGEPAGE fails. It fails if MADV_DONTFORK does. */
function allocations(
  allocate: (scene: Scene, ...args: Parameters<Container['allocDma']>) => unknown,
): Scenario[] {
  return [
    {
      on: 'of a page',
      run: (scene) => allocate(scene, page),
      tolerates: ['MADV_DONTDUMP'],
    },
    {
      on: 'of huge pages at an IOVA',
      run: (scene) => allocate(scene, 2 ** 21, { iova: 0x4000_0000n }),
      tolerates: ['MADV_DONTDUMP', 'MADV_HUGEPAGE'],
    },
    {
      on: 'that the device only reads',
      run: (scene) => allocate(scene, page, { direction: 'toDevice' }),
      tolerates: ['MADV_DONTDUMP'],
    },
  ];
}
