// SPDX-License-Identifier: MIT
// DMA memory as a space for registers. Each access is one Atomics.load or Atomics.store, because a device can
// use the struct at the same time: V8 does not drop, split or reorder these (docs/mmio-in-javascript.md). Plain
// typed arrays are faster, but their reads are dropped, narrowed and reordered.
import type { MemorySpace, RegisterSpace } from './types.js';

/** The accessors of memory, for offsets that were checked before. `isClosed` tells whether the memory is closed. */
export function memoryAccessors(memory: MemorySpace, isClosed: () => boolean): RegisterSpace {
  const { iova, byteLength, u8, u16, u32, u64 } = memory;
  return {
    name: `DmaBuffer at 0x${iova.toString(16)}`,
    byteLength,
    get closed() {
      return isClosed();
    },
    read8: (offset) => Atomics.load(u8, offset),
    read16: (offset) => Atomics.load(u16, offset / 2),
    read32: (offset) => Atomics.load(u32, offset / 4),
    read64: (offset) => Atomics.load(u64, offset / 8),
    write8: (offset, value) => void Atomics.store(u8, offset, value),
    write16: (offset, value) => void Atomics.store(u16, offset / 2, value),
    write32: (offset, value) => void Atomics.store(u32, offset / 4, value),
    write64: (offset, value) => void Atomics.store(u64, offset / 8, value),
  };
}
