// SPDX-License-Identifier: MIT
// The operations of devices and their config space.
import type { Operations, Scenario } from './scenario.js';

/** The calls that it tolerates quiet the device. The kernel also does that when the descriptor closes. */
const closeDevice: Scenario = {
  run: ({ device }) => device.close(),
  tolerates: ['mmap', 'VFIO_DEVICE_SET_IRQS', 'VFIO_IOMMU_GET_INFO', 'pread', 'pwrite'],
  endsAnyway: true,
};

/** The first calls of a kind. Before a reset, they quiet the device, which the reset does as well. */
const first = (count: number, call: string) =>
  Array.from({ length: count }, (_, index) => `${call} ${index + 1}`);

/** These device requests have the same numbers as the container requests whose names the trace shows. */
const ofHotReset = {
  VFIO_IOMMU_GET_INFO: 'VFIO_DEVICE_GET_PCI_HOT_RESET_INFO',
  VFIO_IOMMU_MAP_DMA: 'VFIO_DEVICE_PCI_HOT_RESET',
};

export const deviceOperations: Operations = {
  'Device.region': { run: ({ device }) => device.region(2) },
  'Device.bar': { run: ({ device }) => device.bar(2) },
  'Device.rom': ({ device }) => device.rom,
  'Device.interruptInfo': ({ device }) => device.interruptInfo('msix'),
  'Device.busMaster': { run: ({ device }) => device.busMaster },
  'Device.busMaster=': {
    run: ({ device }) => {
      device.busMaster = false;
    },
  },
  'Device.powerState': { run: ({ device }) => device.powerState },
  'Device.powerState=': {
    run: ({ device }) => {
      device.powerState = 'D0';
    },
  },
  'Device.enableInterrupts': [
    {
      on: 'of MSI-X',
      prepare: ({ interrupts }) => interrupts.close(),
      run: ({ device }) => device.enableInterrupts('msix', { count: 3 }),
    },
    {
      on: 'of INTx',
      prepare: ({ interrupts }) => interrupts.close(),
      run: ({ device }) => device.enableInterrupts('intx'),
    },
  ],
  'Device.grant': ({ device, bar, vector, buffer }) =>
    device.grant({ regions: [bar], vectors: [vector], memory: [buffer] }),
  'Device.reset': {
    run: ({ device }) => device.reset(),
    tolerates: ['VFIO_DEVICE_SET_IRQS', ...first(3, 'pread'), ...first(3, 'pwrite')],
    endsAnyway: true,
    unsettles: ['pread', 'pwrite'],
  },
  'Device.hotResetInfo': { run: ({ device }) => device.hotResetInfo(), requests: ofHotReset },
  'Device.hotReset': {
    run: ({ device }) => device.hotReset(),
    tolerates: ['readlink', 'VFIO_DEVICE_SET_IRQS', ...first(3, 'pread'), ...first(3, 'pwrite')],
    // When one of these calls fails, the library has already begun to quiet the device, and goes on with it.
    endsAnyway: ['VFIO_IOMMU_MAP_DMA', 'pread', 'pwrite'],
    requests: ofHotReset,
    unsettles: ['VFIO_DEVICE_SET_IRQS', 'pread', 'pwrite'],
  },
  'Device.close': closeDevice,
  'Device.[asyncDispose]': { ...closeDevice, run: ({ device }) => device[Symbol.asyncDispose]() },
  'Device.closed': ({ device }) => device.closed,

  'ConfigSpace.vendorId': { run: ({ device }) => device.config.vendorId },
  'ConfigSpace.deviceId': { run: ({ device }) => device.config.deviceId },
  'ConfigSpace.command': { run: ({ device }) => device.config.command },
  'ConfigSpace.command=': {
    run: ({ device }) => {
      device.config.command = 0;
    },
  },
  'ConfigSpace.status': { run: ({ device }) => device.config.status },
  'ConfigSpace.revision': { run: ({ device }) => device.config.revision },
  'ConfigSpace.classCode': { run: ({ device }) => device.config.classCode },
  'ConfigSpace.subsystemVendorId': { run: ({ device }) => device.config.subsystemVendorId },
  'ConfigSpace.subsystemId': { run: ({ device }) => device.config.subsystemId },
  'ConfigSpace.capabilities': { run: ({ device }) => device.config.capabilities() },
  'ConfigSpace.extendedCapabilities': { run: ({ device }) => device.config.extendedCapabilities() },
  'ConfigSpace.capability': { run: ({ device }) => device.config.capability('msix') },
  'ConfigSpace.find': { run: ({ device }) => device.config.find(0x11) },
  'ConfigSpace.findExtended': { run: ({ device }) => device.config.findExtended(1) },
};
