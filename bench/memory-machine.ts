// SPDX-License-Identifier: MIT
// The devices of the measurements on the host: BARs are memfds, interrupts are eventfds. The core is the product's,
// object file for object file.
import { join } from 'node:path';
import { projectRoot } from '../tools/paths.js';
import { type Machine, type MemoryDevice, useMachine } from '../tools/testing-addon.js';

// The developer addon, before anything loads the product's.
process.env.VFIO_BINARY ??= join(projectRoot, 'build/Release/testing/vfio_testing.node');

/** For what is measured on the main thread. */
export const address = '0000:00:01.0';
/** For the addon's own functions, without the classes around them. */
export const bareAddress = '0000:00:02.0';
/** For the worker that listens, and for the one that waits. */
export const workerAddresses = { listen: '0000:00:03.0', wait: '0000:00:04.0' } as const;

export const barBytes = 0x4000;

let machine: Machine | undefined;

/** The machine, plugged together at the first call in this process. */
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

/** The hardware's side of a device. */
export function hardware(of: string): MemoryDevice {
  return memoryMachine().device(of);
}
