// SPDX-License-Identifier: MIT
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DmaBuffer } from '../../lib/dma.js';
import { ours } from '../../lib/internal/ours.js';
import { fakeBuffer, thrownBy } from './lib-fake-native.js';

/** A view whose memory was transferred to another ArrayBuffer. */
function detachedView(): DataView<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(8));
  structuredClone(view.buffer, { transfer: [view.buffer] });
  return view;
}

function make(iova = 0x10000n, bytes = 8192, log: string[] = []): DmaBuffer {
  return new DmaBuffer(ours, fakeBuffer(iova, bytes, log), () => log.push('forgotten'));
}

describe('the memory', () => {
  test('is made once, when it is first asked for', () => {
    const log: string[] = [];
    const buffer = make(0x10000n, 8192, log);
    expect(log).toEqual([]);
    for (const view of ['u8', 'u16', 'u32', 'u64', 'view'] as const) {
      expect(buffer[view].buffer).toBe(buffer.buffer);
      expect(buffer[view].byteLength).toBe(8192);
      expect(buffer[view]).toBe(buffer[view]);
    }
    expect(log).toEqual(['arrayBuffer']);
  });

  test('takes and gives bytes', () => {
    const buffer = make();
    buffer.copyFrom(Buffer.from([1, 2, 3]), 8189);
    const target = new Uint16Array([0xffff, 0xffff]);
    buffer.copyTo(target, 8189, 3);
    expect([...new Uint8Array(target.buffer)]).toEqual([1, 2, 3, 0xff]);
  });

  test('fills the target when no length is given', () => {
    const buffer = make();
    buffer.u8.fill(7);
    const target = new ArrayBuffer(4);
    buffer.copyTo(target);
    expect([...new Uint8Array(target)]).toEqual([7, 7, 7, 7]);
  });

  test('copies the part that a view shows, and no more', () => {
    const buffer = make();
    const whole = Uint8Array.from([1, 2, 3, 4]);
    buffer.copyFrom(new DataView(whole.buffer, 1, 2));
    expect([...buffer.u8.subarray(0, 4)]).toEqual([2, 3, 0, 0]);
  });

  test.each([
    ['bytes past the end', () => make().copyFrom(new Uint8Array(2), 8191), 'ERR_VFIO_RANGE'],
    ['an offset past the end', () => make().copyFrom(new Uint8Array(0), 8193), 'ERR_VFIO_RANGE'],
    ['a negative offset', () => make().copyFrom(new Uint8Array(1), -1), 'ERR_VFIO_RANGE'],
    ['a fraction', () => make().copyFrom(new Uint8Array(1), 0.5), 'ERR_VFIO_RANGE'],
    [
      'a string offset',
      () => make().copyFrom(new Uint8Array(1), '0' as never),
      'ERR_INVALID_ARG_TYPE',
    ],
    ['a string', () => make().copyFrom('text' as never), 'ERR_INVALID_ARG_TYPE'],
    ['an array', () => make().copyFrom([1] as never), 'ERR_INVALID_ARG_TYPE'],
    [
      'a buffer that was transferred',
      () => make().copyFrom(detachedView().buffer),
      'ERR_INVALID_ARG_VALUE',
    ],
    ['a view of one', () => make().copyFrom(detachedView()), 'ERR_INVALID_ARG_VALUE'],
    ['such a target', () => make().copyTo(detachedView()), 'ERR_INVALID_ARG_VALUE'],
    ['reading past the end', () => make().copyTo(new Uint8Array(2), 8191), 'ERR_VFIO_RANGE'],
    ['more than the target holds', () => make().copyTo(new Uint8Array(2), 0, 3), 'ERR_VFIO_RANGE'],
    ['no target', () => make().copyTo(undefined as never), 'ERR_INVALID_ARG_TYPE'],
  ])('refuses %s', (_what, work, code) => {
    expect(thrownBy(work).code).toBe(code);
  });
});

describe('an address', () => {
  test('is the IOVA and the offset, whole and in halves', () => {
    const iovas = fc.bigInt({ min: 0n, max: 2n ** 64n - 8192n });
    fc.assert(
      fc.property(iovas, fc.nat(8191), (iova, offset) => {
        const buffer = make(iova);
        const exact = iova + BigInt(offset);
        expect(buffer.iovaAt(offset)).toBe(exact);
        expect(buffer.low(offset)).toBe(Number(exact & 0xffff_ffffn));
        expect(buffer.high(offset)).toBe(Number(exact >> 32n));
        if (iova + 8192n <= 2n ** 53n - 1n) expect(BigInt(buffer.address(offset))).toBe(exact);
      }),
    );
  });

  test('carries from the low half into the high one', () => {
    const buffer = make(0xffff_f000n);
    expect([buffer.low(4096), buffer.high(4096)]).toEqual([0, 1]);
    expect([buffer.low(4095), buffer.high(4095)]).toEqual([0xffff_ffff, 0]);
  });

  test('past 2^53 is refused as a number only', () => {
    const buffer = make(2n ** 53n);
    expect(thrownBy(() => buffer.address())).toMatchObject({
      code: 'ERR_VFIO_RANGE',
      message: expect.stringContaining('low() and high()'),
    });
    expect(buffer.high(0)).toBe(2 ** 21);
  });

  test.each([8192, -1, 0.5, Number.NaN, 2 ** 53])('has no offset %s', (offset) => {
    for (const call of ['address', 'iovaAt', 'low', 'high'] as const) {
      expect(thrownBy(() => make()[call](offset)).code).toBe('ERR_VFIO_RANGE');
    }
  });

  test('takes numbers only', () => {
    expect(thrownBy(() => make().address('0' as never)).code).toBe('ERR_INVALID_ARG_TYPE');
    expect(thrownBy(() => make().iovaAt(undefined as never)).code).toBe('ERR_INVALID_ARG_TYPE');
    expect(thrownBy(() => make().low(0n as never)).code).toBe('ERR_INVALID_ARG_TYPE');
  });
});

describe('after close', () => {
  test.each([
    ['buffer', (it: DmaBuffer) => it.buffer],
    ['u8', (it: DmaBuffer) => it.u8],
    ['u16', (it: DmaBuffer) => it.u16],
    ['u32', (it: DmaBuffer) => it.u32],
    ['u64', (it: DmaBuffer) => it.u64],
    ['view', (it: DmaBuffer) => it.view],
    ['iovaAt', (it: DmaBuffer) => it.iovaAt(0)],
    ['address', (it: DmaBuffer) => it.address()],
    ['low', (it: DmaBuffer) => it.low()],
    ['high', (it: DmaBuffer) => it.high()],
    ['copyFrom', (it: DmaBuffer) => it.copyFrom(new Uint8Array(1))],
    ['copyTo', (it: DmaBuffer) => it.copyTo(new Uint8Array(1))],
  ])('%s throws', (_what, work) => {
    const buffer = make();
    buffer.u8.fill(1);
    buffer.u16.fill(1);
    buffer.u32.fill(1);
    buffer.u64.fill(1n);
    buffer.view.setUint8(0, 1);
    buffer.close();
    expect(buffer.closed).toBe(true);
    expect(thrownBy(() => work(buffer))).toMatchObject({
      code: 'ERR_VFIO_CLOSED',
      message: 'DmaBuffer at 0x10000 is closed',
    });
  });

  test('closing again does nothing', () => {
    const log: string[] = [];
    {
      using buffer = make(0x10000n, 4096, log);
      buffer.close();
    }
    expect(log).toEqual(['forgotten', 'unmap 0x10000']);
  });
});
