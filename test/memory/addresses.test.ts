// SPDX-License-Identifier: MIT
// The parsers of PCI addresses in TypeScript and in C++ agree on the same strings. `npm run fuzz` tries a million.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { useMachine } from '../../tools/testing-addon.js';
import { disagreement, fullForm, NativeParser, nearlyAddress } from '../fuzz/api/parsers.js';
import { drawFor } from '../fuzz/api/random.js';

const STRINGS = 20_000;

let native: NativeParser;

beforeAll(async () => {
  useMachine({ address: 'f00d:00:01.0' });
  native = await NativeParser.open();
});

afterAll(() => native.close());

describe('S1/ both parsers of addresses', () => {
  test('agree on thousands of strings, some of which are addresses', () => {
    const strings = Array.from({ length: STRINGS }, (_, number) =>
      nearlyAddress(drawFor(1, number)),
    );
    expect(strings.map((text) => disagreement(text, native)).filter(Boolean)).toEqual([]);
    const taken = strings.filter((text) => native.takes(text)).length;
    expect(taken).toBeGreaterThan(STRINGS / 50);
    expect(taken).toBeLessThan(STRINGS / 2);
  });

  test('take no other names of an address', () => {
    for (const text of ['00000:01:00.0', '00000000:01:00.0', '0f00d:00:01.0', 'F00D:00:01.0']) {
      expect([text, fullForm(text), native.takes(text)]).toEqual([text, undefined, false]);
    }
  });

  test('never ask an object what it is', () => {
    let asked = 0;
    const ask = () => {
      asked++;
      return 'f00d:00:01.0';
    };
    const proxy = new Proxy({}, { get: () => ask, has: ask as never });
    const speaking = { toString: ask, valueOf: ask, [Symbol.toPrimitive]: ask };
    for (const value of [proxy, speaking, [speaking], new String('f00d:00:01.0'), ask]) {
      expect(fullForm(value)).toBeUndefined();
    }
    expect(asked).toBe(0);
  });
});
