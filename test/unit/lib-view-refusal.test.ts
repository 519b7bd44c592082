// SPDX-License-Identifier: MIT
// Why bytes of a region have no view: each reason in words, and what is given out.
import { constants } from 'node:buffer';
import { expect, test } from '@jest/globals';
import { DirectMemory } from '../../lib/internal/direct-memory.js';
import { type ViewedRegion, viewRefusal } from '../../lib/internal/view-refusal.js';
import { thrownBy } from './lib-fake-native.js';

const size = 0x10_0000;
const region: ViewedRegion = {
  name: 'BAR2',
  address: '0000:01:00.0',
  index: 2,
  prefetchable: true,
  readable: true,
  writable: true,
  mappableAreas: [{ offset: 0x1000, byteLength: size }],
};
const msix = [
  { bar: 2, offset: 0x3000, byteLength: 0x20 },
  { bar: 0, offset: 0x5000, byteLength: 8 },
];
const registers = 'the MSI-X table or its pending bits lie there, which are registers';
const oneWay = 'BAR2 cannot be both read and written';
const unmappable = 'the kernel does not let a program map all of these bytes';

test.each<[string, Partial<ViewedRegion>, number, number, string, string | undefined]>([
  ['bytes before MSI-X', {}, 0x1000, 0x2000, 'x64', undefined],
  ['bytes behind MSI-X', {}, 0x3020, 1, 'x64', undefined],
  ['bytes that are MSI-X in another BAR', {}, 0x5000, 8, 'x64', undefined],
  ['the last bytes', {}, 0x1000 + size - 4, 4, 'x64', undefined],
  [
    'memory that is not prefetchable',
    { prefetchable: false },
    0x1000,
    4,
    'x64',
    'BAR2 is not prefetchable memory',
  ],
  ['another processor', {}, 0x1000, 4, 'arm64', 'views are proved on x64 only, not on arm64'],
  ['memory to read', { writable: false }, 0x1000, 4, 'x64', oneWay],
  ['memory to write', { readable: false }, 0x1000, 4, 'x64', oneWay],
  ['a byte before the area', {}, 0xfff, 4, 'x64', unmappable],
  ['a byte behind the area', {}, 0x1000 + size - 3, 4, 'x64', unmappable],
  ['no area', { mappableAreas: [] }, 0x1000, 4, 'x64', unmappable],
  ['the first byte of the table', {}, 0x2ff0, 0x11, 'x64', registers],
  ['the last byte of the table', {}, 0x301f, 1, 'x64', registers],
  ['all of the table', {}, 0x2000, 0x2000, 'x64', registers],
])('%s', (_what, facts, offset, byteLength, arch, reason) => {
  const refusal = viewRefusal({ ...region, ...facts }, { offset, byteLength }, () => msix, arch);
  expect(refusal?.reason).toBe(reason);
  if (refusal !== undefined) expect(refusal.hint).toMatch(/\.$/);
});

test('more bytes than an array can have', () => {
  const longest = { offset: 0x4000, byteLength: constants.MAX_LENGTH };
  const mappableAreas = [{ offset: 0, byteLength: 2 * constants.MAX_LENGTH }];
  const long = { ...region, mappableAreas };
  expect(viewRefusal(long, longest, () => msix, 'x64')).toBeUndefined();
  const refusal = viewRefusal(
    long,
    { ...longest, byteLength: longest.byteLength + 1 },
    () => msix,
    'x64',
  );
  expect(refusal?.reason).toBe(
    `${constants.MAX_LENGTH + 1} bytes are longer than an ArrayBuffer of this engine, which has at most ` +
      `${constants.MAX_LENGTH}`,
  );
});

test('an adopted device gives none', () => {
  const view = () => new DirectMemory(undefined).view(region, { offset: 0, byteLength: 0x1000 });
  expect(thrownBy(view)).toMatchObject({
    code: 'ERR_VFIO_UNSUPPORTED',
    address: '0000:01:00.0',
    message: expect.stringContaining(
      'There is no inexactView of bytes 0x0 to 0xfff of BAR2 of 0000:01:00.0: it belongs to an adopted device',
    ),
  });
});
