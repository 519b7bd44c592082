// SPDX-License-Identifier: MIT
// Registers of the memory back end. The twins access a memfd too.
import { openDevice } from 'vfio';
import { loadNative } from '../../lib/internal/load-native.js';
import * as memory from '../memory-machine.js';
import { bench } from '../native.js';
import type { Registers } from './registers.js';

/** Opens one device for the library's accessors, and another one for the addon's bare functions. */
export async function memoryRegisters(): Promise<Registers> {
  memory.memoryMachine();
  const device = await openDevice(memory.address);
  const native = loadNative();
  const bare = await native.openDevice({ address: memory.bareAddress });
  const region = device.bar(0);
  const handle = bare.device.acquire(0);
  const address = bench.map(undefined, memory.barBytes);
  // All have the same value, because the cost of a bigint depends on its value.
  region.write64(0, 1n);
  native.write64(handle, 0, 1n);
  bench.write64(0, 0, 1n);
  return {
    region,
    address,
    places: ([8, 16, 32, 64] as const).map((width) => ({ width, read: 0, write: 0x1000 })),
    addon: { native, handle },
    async [Symbol.asyncDispose]() {
      await bare.device.close();
      await bare.container.close();
      await device.close();
    },
  };
}
