// SPDX-License-Identifier: MIT
// What people write without the library, with what they mean by it: one access for each that stands there.
// Arrays of more than a few elements are left out: how the C library copies them hangs on the processor.
import type { PlainCase } from './cases.js';

export const PLAIN_CASES: readonly PlainCase[] = [
  { name: 'read', body: 'r = u32[4]', expected: 'R4@0x10' },
  { name: 'read, unused', body: 'u32[4]', expected: 'R4@0x10' },
  { name: 'write, read to flush', body: 'u32[4] = x; u32[4]', expected: 'W4@0x10 R4@0x10' },
  { name: 'test of bit 0', body: 'r = (u32[4] & 1) !== 0', expected: 'R4@0x10' },
  { name: 'test of bit 8', body: 'r = (u32[4] & 0x100) !== 0', expected: 'R4@0x10' },
  { name: 'comparison', body: 'r = u32[4] === 7', expected: 'R4@0x10' },
  { name: 'difference of two reads', body: 'r = (u32[4] - u32[4]) | 0', expected: 'R4x2@0x10' },
  {
    name: 'two reads, the first decides',
    body: 'const a = u32[4]; const b = u32[5]; r = a === 0 ? b : b + 1',
    expected: 'R4@0x10 R4@0x14',
  },
  {
    name: 'flag in memory, then data',
    body: 'const flag = dma[3]; const data = dma[2]; r = (flag & 1) !== 0 ? data : -1',
    finds: { 'dma:0xc': 1 },
    expected: 'R4@dma:0xc R4@dma:0x8',
  },
  {
    name: 'four reads of a FIFO, the last used',
    body: 'let a = 0; for (let i = 0; i < 4; i++) a = u32[4]; r = a',
    expected: 'R4x4@0x10',
  },
  {
    name: 'spin while 0',
    body: 'while (u32[8] === 0);',
    ready: { at: 0x20, value: 1 },
    expected: 'R4x3@0x20',
  },
  {
    name: 'spin on a bit',
    body: 'while ((u32[8] & 1) === 0);',
    ready: { at: 0x20, value: 1 },
    expected: 'R4x3@0x20',
  },
  { name: 'store', body: 'u32[4] = x', expected: 'W4@0x10', doorbell: true },
  {
    name: 'the same store twice',
    body: 'u32[4] = 1; u32[4] = 1',
    expected: 'W4x2@0x10',
    doorbell: true,
  },
  {
    name: 'stores side by side',
    body: 'u32[4] = 1; u32[5] = 2',
    expected: 'W4@0x10 W4@0x14',
    doorbell: true,
  },
  {
    name: 'stores in a loop',
    body: 'for (let i = 0; i < 4; i++) u32[4] = i',
    expected: 'W4x4@0x10',
    doorbell: true,
  },
  {
    name: 'stores to memory, then a register',
    body: 'dma[0] = x; dma[1] = 1; dma[2] = 0; dma[3] = x; u32[4] = x; dma[4] = x; u32[5] = x',
    expected: 'W4x4@dma:0x0+ W4@0x10 W4@dma:0x10 W4@0x14',
    doorbell: true,
  },
  {
    name: 'stores to memory, a register in a branch',
    body: 'dma[0] = x; if (x > 0) u32[4] = x; dma[1] = x',
    expected: 'W4@dma:0x0 W4@0x10 W4@dma:0x4',
    doorbell: true,
  },
  { name: '|=', body: 'u32[4] |= 4', expected: 'R4@0x10 W4@0x10' },
  { name: 'BigUint64Array, unused', body: 'u64[3]', expected: 'R8@0x18' },
  { name: 'BigUint64Array, store', body: 'u64[3] = 5n', expected: 'W8@0x18' },
  { name: 'DataView getUint32', body: 'r = view.getUint32(0x10, true)', expected: 'R4@0x10' },
  { name: 'DataView setUint32', body: 'view.setUint32(0x10, x, true)', expected: 'W4@0x10' },
  {
    name: 'DataView getBigUint64',
    body: 'r = view.getBigUint64(0x18, true)',
    expected: 'R8@0x18',
  },
  { name: 'Buffer readUInt32LE', body: 'r = bytes.readUInt32LE(0x10)', expected: 'R4@0x10' },
  { name: 'Buffer writeUInt32LE', body: 'bytes.writeUInt32LE(x, 0x10)', expected: 'W4@0x10' },
  { name: 'Atomics.load', body: 'r = (Atomics.load(u32, 4) & 1) !== 0', expected: 'R4@0x10' },
  { name: 'Atomics.load, unused', body: 'Atomics.load(u32, 4)', expected: 'R4@0x10' },
  { name: 'Atomics.store', body: 'Atomics.store(u32, 4, x)', expected: 'W4@0x10' },
  { name: 'Atomics.or', body: 'Atomics.or(u32, 4, 4)', expected: 'L4@0x10' },
  { name: 'set of one element', body: 'u32.set(a32.subarray(0, 1), 4)', expected: 'W4@0x10' },
  {
    name: 'set of two elements',
    body: 'u32.set(a32.subarray(0, 2), 4)',
    expected: 'W4@0x10 W4@0x14',
  },
  { name: 'console.log of the array', body: 'print(u32)', loops: true, expected: '-' },
];
