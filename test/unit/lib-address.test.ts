// SPDX-License-Identifier: MIT
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseAddress } from '../../lib/pci.js';
import { thrownBy } from './lib-fake-native.js';

const hex = (digits: number) =>
  fc.nat(16 ** digits - 1).map((number) => number.toString(16).padStart(digits, '0'));
const shortAddress = fc
  .tuple(hex(2), fc.nat(31), fc.nat(7))
  .map(([bus, device, fn]) => `${bus}:${device.toString(16).padStart(2, '0')}.${fn}`);
const domain = fc.nat(2 ** 31 - 1).map((number) => number.toString(16).padStart(4, '0'));

describe('S1/ an address', () => {
  test('is taken with every domain, bus, device and function', () => {
    fc.assert(
      fc.property(domain, shortAddress, (domain, rest) => {
        expect(parseAddress(`${domain}:${rest}`)).toBe(`${domain}:${rest}`);
      }),
    );
  });

  test('without a domain is in domain 0000', () => {
    fc.assert(
      fc.property(shortAddress, (address) => {
        expect(parseAddress(address)).toBe(`0000:${address}`);
      }),
    );
  });

  test.each([
    ['a path', '../../etc'],
    ['a path behind an address', '0000:01:00.0/../../../../etc'],
    ['a NUL byte', '0000:01:00.0\0'],
    ['a NUL byte within', '0000:01\0:00.0'],
    ['a line feed at the end', '0000:01:00.0\n'],
    ['a space', ' 0000:01:00.0'],
    ['full-width digits', '００００:０１:００.０'],
    ['arabic digits', '٠٠٠٠:٠١:٠٠.٠'],
    ['upper case', '0000:0A:00.0'],
    ['device 32', '0000:01:20.0'],
    ['function 8', '0000:01:00.8'],
    ['a domain of three digits', '000:01:00.0'],
    ['a second spelling of domain 0', '00000:01:00.0'],
    ['a domain of nine digits', '123456789:01:00.0'],
    ['nothing', ''],
    ['a number', 1],
    ['null', null],
    ['undefined', undefined],
    ['an array of an address', ['0000:01:00.0']],
    ['a String object', new String('0000:01:00.0')],
    ['an object with toString', { toString: () => '0000:01:00.0' }],
    ['a symbol', Symbol('0000:01:00.0')],
  ])('is not %s', (_what, value) => {
    const error = thrownBy(() => parseAddress(value));
    expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_VFIO_ADDRESS' });
  });

  test('never has another form, whatever the string', () => {
    const pieces = fc.constantFrom('0', '1', 'a', 'f', 'A', ':', '.', '/', '\0', '\n', '０', '7');
    const strings = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: pieces }));
    fc.assert(
      fc.property(strings, (text) => {
        try {
          return /^[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/.test(parseAddress(text));
        } catch (failure) {
          return (failure as { code?: unknown }).code === 'ERR_VFIO_ADDRESS';
        }
      }),
      { numRuns: 10_000 },
    );
  });

  test('calls nothing of a value that it refuses', () => {
    let calls = 0;
    const spy = new Proxy(
      {},
      {
        get: () => {
          calls++;
          return () => '0000:01:00.0';
        },
      },
    );
    expect(thrownBy(() => parseAddress(spy)).code).toBe('ERR_VFIO_ADDRESS');
    expect(calls).toBe(0);
  });
});
