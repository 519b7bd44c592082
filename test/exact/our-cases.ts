// SPDX-License-Identifier: MIT
// The cases of the library: accesses in the forms that optimisers get wrong. These are unused results, masks, the same
// register twice, two registers in order. After a write follows the read that flushes it.
import type { OurCase } from './cases.js';

export const OUR_CASES: readonly OurCase[] = [
  { name: 'read8', body: 'bar.read8(0x11)', plain: 'u8[0x11]', expected: 'R1@0x11' },
  { name: 'read16', body: 'bar.read16(0x12)', plain: 'u16[0x9]', expected: 'R2@0x12' },
  { name: 'read32', body: 'bar.read32(0x10)', plain: 'u32[4]', expected: 'R4@0x10' },
  { name: 'read64', body: 'bar.read64(0x18)', plain: 'u64[3]', expected: 'R8@0x18' },
  {
    name: 'read32-bit',
    body: 'r = (bar.read32(0x10) & 1) !== 0',
    plain: 'r = (u32[4] & 1) !== 0',
    expected: 'R4@0x10',
  },
  {
    name: 'read32-twice',
    body: 'r = (bar.read32(0x10) - bar.read32(0x10)) | 0; bar.read32(0x10)',
    plain: 'r = (u32[4] - u32[4]) | 0; u32[4]',
    expected: 'R4x3@0x10',
  },
  {
    name: 'read32-order',
    body: 'const a = bar.read32(0x10); const b = bar.read32(0x14); r = a === 0 ? b : b + 1',
    plain: 'const a = u32[4]; const b = u32[5]; r = a === 0 ? b : b + 1',
    expected: 'R4@0x10 R4@0x14',
  },
  {
    name: 'read32-spin',
    body: 'while ((bar.read32(0x20) & 1) === 0);',
    plain: 'while ((u32[8] & 1) === 0);',
    ready: { at: 0x20, value: 1 },
    expected: 'R4x3@0x20',
  },
  {
    name: 'write8',
    body: 'bar.write8(0x11, x); bar.read8(0x11)',
    plain: 'u8[0x11] = x; u8[0x11]',
    expected: 'W1@0x11 R1@0x11',
  },
  {
    name: 'write16',
    body: 'bar.write16(0x12, x); bar.read16(0x12)',
    plain: 'u16[0x9] = x; u16[0x9]',
    expected: 'W2@0x12 R2@0x12',
  },
  {
    name: 'write32',
    body: 'bar.write32(0x10, x); bar.read32(0x10)',
    plain: 'u32[4] = x; u32[4]',
    expected: 'W4@0x10 R4@0x10',
  },
  {
    name: 'write64',
    body: 'bar.write64(0x18, 5n); bar.read64(0x18)',
    plain: 'u64[3] = 5n; u64[3]',
    expected: 'W8@0x18 R8@0x18',
  },
  {
    name: 'read64LowFirst',
    body: 'bar.read64LowFirst(0x18)',
    plain: 'u32[6]; u32[7]',
    expected: 'R4@0x18 R4@0x1c',
  },
  {
    name: 'read64HighFirst',
    body: 'bar.read64HighFirst(0x18)',
    plain: 'u32[7]; u32[6]',
    expected: 'R4@0x1c R4@0x18',
  },
  {
    name: 'write64LowFirst',
    body: 'bar.write64LowFirst(0x18, 5n)',
    plain: 'u64[3] = 5n',
    expected: 'W4@0x18 W4@0x1c',
  },
  {
    name: 'write64HighFirst',
    body: 'bar.write64HighFirst(0x18, 5n)',
    plain: 'u64[3] = 5n',
    expected: 'W4@0x1c W4@0x18',
  },
  {
    name: 'write32Flush',
    body: 'bar.write32Flush(0x10, x); bar.write32Flush(0x10, x, 0x20)',
    plain: 'u32[4] = x; u32[4]; u32[4] = x; u32[8]',
    expected: 'W4@0x10 R4@0x10 W4@0x10 R4@0x20',
  },
  {
    name: 'poll32',
    body: 'wait(bar.poll32(0, 1, 1))',
    plain: 'while ((u32[0] & 1) === 0);',
    ready: { at: 0, value: 1 },
    loops: true,
    expected: 'R4x3',
  },
  {
    name: 'batch',
    body: `bar.batch([
      { offset: 0x10 }, { offset: 0x10 }, { offset: 0x14, write: x }, { offset: 0x11, width: 8 },
      { offset: 0x12, width: 16, write: 1 }, { offset: 0x18, width: 64 }, { offset: 0x20, width: 64, write: 5n },
    ]).run()`,
    plain: 'u32[4]; u32[4]; u32[5] = x; u8[0x11]; u16[0x9] = 1; u64[3]; u64[4] = 5n',
    expected: 'R4x2@0x10 W4@0x14 R1@0x11 W2@0x12 R8@0x18 W8@0x20',
  },
  {
    name: 'readArray8',
    body: 'bar.readArray(0x20, a8)',
    plain: 'a8.set(u8.subarray(0x20, 0x24))',
    expected: 'R1x4@0x20+',
  },
  {
    name: 'readArray16',
    body: 'bar.readArray(0x20, a16)',
    plain: 'a16.set(u16.subarray(0x10, 0x14))',
    expected: 'R2x4@0x20+',
  },
  {
    name: 'readArray32',
    body: 'bar.readArray(0x20, a32)',
    plain: 'a32.set(u32.subarray(8, 12))',
    expected: 'R4x4@0x20+',
  },
  {
    name: 'readArray64',
    body: 'bar.readArray(0x20, a64)',
    plain: 'a64.set(u64.subarray(4, 6))',
    expected: 'R8@0x20 R8@0x28',
  },
  {
    name: 'writeArray8',
    body: 'bar.writeArray(0x20, a8)',
    plain: 'u8.set(a8, 0x20)',
    expected: 'W1x4@0x20+',
  },
  {
    name: 'writeArray16',
    body: 'bar.writeArray(0x20, a16)',
    plain: 'u16.set(a16, 0x10)',
    expected: 'W2x4@0x20+',
  },
  {
    name: 'writeArray32',
    body: 'bar.writeArray(0x20, a32)',
    plain: 'u32.set(a32, 8)',
    expected: 'W4x4@0x20+',
  },
  {
    name: 'writeArray64',
    body: 'bar.writeArray(0x20, a64)',
    plain: 'u64.set(a64, 4)',
    expected: 'W8@0x20 W8@0x28',
  },
  {
    name: 'register-read',
    body: 'regs.CTRL.read()',
    plain: 'u32[0x10]',
    expected: 'R4@0x40',
  },
  {
    name: 'register-read64',
    body: 'regs.CAP.read()',
    plain: 'u64[0xa]',
    expected: 'R8@0x50',
  },
  {
    name: 'register-write',
    body: 'regs.CTRL.write(x); regs.CTRL.read()',
    plain: 'u32[0x10] = x; u32[0x10]',
    expected: 'W4@0x40 R4@0x40',
  },
  {
    name: 'register-field',
    body: 'r = regs.CTRL.EN === 1',
    plain: 'r = (u32[0x10] & 1) === 1',
    expected: 'R4@0x40',
  },
  {
    name: 'register-get',
    body: 'r = regs.CTRL.get().EN === 1',
    plain: 'r = (u32[0x10] & 1) === 1',
    expected: 'R4@0x40',
  },
  {
    name: 'register-set',
    body: 'regs.CTRL.set({ EN: 1 }); regs.CTRL.read()',
    plain: 'u32[0x10] |= 1; u32[0x10]',
    expected: 'R4@0x40 W4@0x40 R4@0x40',
  },
  {
    // No other field of this register must be kept, so it need not be read.
    name: 'register-clear',
    body: "regs.STATUS.clear('DONE'); regs.STATUS.read()",
    plain: 'u32[0x11] = 2; u32[0x11]',
    expected: 'W4@0x44 R4@0x44',
  },
  {
    name: 'register-clear-among-others',
    body: "regs.MIXED.clear('ERROR'); regs.MIXED.read()",
    plain: 'u32[0x12] = (u32[0x12] & 1) | 0x10; u32[0x12]',
    expected: 'R4@0x48 W4@0x48 R4@0x48',
  },
  {
    // On an engine that the library trusts (judgement.ts), this is a store that V8 compiled.
    name: 'doorbell',
    body: 'dma[0] = x; dma[1] = 1; dma[2] = 0; dma[3] = x; door.write(x); dma[4] = x; door.write(x)',
    plain: 'dma[0] = x; dma[1] = 1; dma[2] = 0; dma[3] = x; Atomics.store(u32, 0x400, x)',
    expected: 'W4x4@dma:0x0+ W4@0x1000 W4@dma:0x10 W4@0x1000',
  },
  {
    name: 'doorbell-in-a-branch',
    body: 'dma[0] = x; if (x > 0) door.write(x); dma[1] = x; door.write(x); door.write(x)',
    plain: 'dma[0] = x; if (x > 0) Atomics.store(u32, 0x400, x); dma[1] = x',
    expected: 'W4@dma:0x0 W4@0x1000 W4@dma:0x4 W4x2@0x1000',
  },
  {
    // Stores to a descriptor, then the write that tells the device about it.
    name: 'dma-submit',
    body: 'dma[0] = x; dma[1] = 1; dma[2] = 0; dma[3] = x; bar.write32(0x1000, x)',
    plain: 'dma[0] = x; dma[1] = 1; dma[2] = 0; dma[3] = x; Atomics.store(u32, 0x400, x)',
    expected: 'W4x4@dma:0x0+ W4@0x1000',
  },
  {
    // Reads the dword with the phase first and once, and the rest only after the branch.
    name: 'dma-complete',
    body: `const last = Atomics.load(dma, 3);
      if ((last & 0x10000) !== 0) { r = dma[0] + dma[2] + (last & 0xffff); bar.write32(0x1004, x); }`,
    plain: `const last = dma[3]; const first = dma[0];
      if ((last & 0x10000) !== 0) { r = first + dma[2]; u32[0x401] = x; }`,
    finds: { 'dma:0xc': 0x10001 },
    expected: 'R4@dma:0xc R4@dma:0x0 R4@dma:0x8 W4@0x1004',
  },
  {
    // The word that hands a descriptor over, for a device that polls it. On x86-64 it is a locked exchange.
    name: 'dma-hand-over',
    body: 'dma[0] = x; dma[1] = 1; Atomics.store(dma, 3, x); bar.write32(0x1000, x)',
    plain: 'dma[0] = x; dma[1] = 1; dma[3] = x; bar.write32(0x1000, x)',
    expected: 'W4x2@dma:0x0+ L4@dma:0xc W4@0x1000',
  },
  {
    // As an index of virtio: the ring entry, the index, then what the device says about notifications.
    name: 'dma-hand-over-16',
    body: `dma16[2] = x; Atomics.store(dma16, 1, x);
      if ((Atomics.load(dma16, 8) & 1) === 0) door.write(x);`,
    plain: 'dma16[2] = x; dma16[1] = x; if ((dma16[8] & 1) === 0) door.write(x)',
    expected: 'W2@dma:0x4 L2@dma:0x2 R2@dma:0x10 W4@0x1000',
  },
  {
    name: 'dma-poll',
    body: 'Atomics.load(dma, 3); Atomics.load(dma16, 1); r = (Atomics.load(dma16, 1) & 1) !== 0',
    plain: 'dma[3]; dma16[1]; r = (dma16[1] & 1) !== 0',
    expected: 'R4@dma:0xc R2x2@dma:0x2',
  },
  {
    name: 'struct-read',
    body: 'desc.ADDRESS.read(); desc.LENGTH.read(); desc.KIND.read(); desc.STATUS.read(); desc.STATUS.read()',
    plain: 'dma[0]; dma16[4]; dma[2]; dma[3]; dma[3]',
    expected: 'R8@dma:0x0 R2@dma:0x8 R1@dma:0xa R4x2@dma:0xc',
  },
  {
    name: 'struct-write',
    body: 'desc.ADDRESS.write(5n); desc.LENGTH.write(x); desc.KIND.write(x); desc.STATUS.write(x); door.write(x)',
    plain: 'dma[0] = 5; dma[1] = 0; dma16[4] = x; dma16[5] = x; dma[3] = x; door.write(x)',
    expected: 'L8@dma:0x0 L2@dma:0x8 L1@dma:0xa L4@dma:0xc W4@0x1000',
  },
  {
    name: 'struct-field',
    body: 'r = desc.STATUS.DONE === 1 ? desc.LENGTH.read() : -1',
    plain: 'const length = dma16[4]; r = (dma[3] & 1) === 1 ? length : -1',
    finds: { 'dma:0xc': 1 },
    expected: 'R4@dma:0xc R2@dma:0x8',
  },
  {
    name: 'register-halves',
    body: 'regs.HALVES.write(5n); regs.HALVES.read()',
    plain: 'u64[0xc] = 5n; u64[0xc]',
    expected: 'W4@0x64 W4@0x60 R4@0x64 R4@0x60',
  },
  {
    name: 'register-until',
    body: 'wait(regs.READY.until({ NOW: 1 }))',
    plain: 'while ((u32[0] & 1) === 0);',
    ready: { at: 0, value: 1 },
    loops: true,
    expected: 'R4x3',
  },
];
