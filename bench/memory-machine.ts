// SPDX-License-Identifier: MIT
// The devices of the measurements on the host: BARs are memfds, interrupts are eventfds. The addon has the same object
// files of the core as the product.
import { join } from 'node:path';
import { projectRoot } from '../tools/paths.js';
import { type Machine, type MemoryDevice, useMachine } from '../tools/testing-addon.js';

// Selects the developer addon. This must happen before anything loads the product's addon.
process.env.VFIO_BINARY ??= join(projectRoot, 'build/Release/testing/vfio_testing.node');

/** The device for measurements on the main thread. */
export const address = '0000:00:01.0';
/** The device for the addon's own functions, without the library's classes. */
export const bareAddress = '0000:00:02.0';
/** The devices for the worker that listens and for the worker that waits. */
export const workerAddresses = { listen: '0000:00:03.0', wait: '0000:00:04.0' } as const;

export const barBytes = 0x4000;

let machine: Machine | undefined;

/** The machine of memory. The first call in this process makes it. */
export function memoryMachine(): Machine {
  const addresses = [address, bareAddress, ...Object.values(workerAddresses)];
  machine ??= useMachine(
    ...addresses.map((each, index) => ({
      address: each,
      group: index + 1,
      bars: [{ size: barBytes }],
      msix: 1,
    })),
  );
  return machine;
}

/** The hardware side of a device. */
export function hardware(of: string): MemoryDevice {
  return memoryMachine().device(of);
}
