// SPDX-License-Identifier: MIT
// Grants in the granting thread: which parts can be granted, and what ends an offer. test/process/grants.test.ts
// tests grants that another thread adopts.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  adopt,
  Container,
  type Device,
  type DmaBuffer,
  type GrantOptions,
  type InterruptSet,
} from '../../lib/index.js';
import { useMachine } from '../../tools/testing-addon.js';
import { until } from '../support/until.js';
import { expectNothingOpen, notNumbers, withCode } from './support.js';

const address = '0000:0e:00.0';
const mate = '0000:0e:00.1';
const machine = useMachine(
  { address, group: 140, bars: [{ size: 0x1000 }, { size: 0x1000, mappable: false }], msix: 4 },
  { address: mate, group: 140, msix: 4 },
);
const hardware = machine.device(address);

let container: Container;
let device: Device;
let interrupts: InterruptSet;
let buffer: DmaBuffer;

async function open(): Promise<void> {
  device = await container.openDevice(address);
  arm();
}

function arm(): void {
  device.busMaster = true;
  interrupts = device.enableInterrupts('msix', { count: 4 });
}

beforeAll(async () => {
  container = await Container.open();
  await open();
  buffer = device.allocDma(4096);
});

afterAll(async () => {
  await container.close();
  expectNothingOpen(machine, address, mate);
});

/** Whether another thread could adopt the grant. This thread may not, and the code says for which reason. */
function isOnOffer(token: string): boolean {
  try {
    adopt(token);
  } catch (error) {
    const { code } = error as { code: string };
    if (code === 'ERR_VFIO_WRONG_THREAD') return true;
    if (code === 'ERR_VFIO_CLOSED') return false;
    throw error;
  }
  throw new Error('This thread adopted what it granted');
}

describe('an offer', () => {
  test('is for other threads, and stands when the thread that made it tries', async () => {
    const grant = device.grant({ regions: [device.bar(0)] });
    expect(() => adopt(grant.token)).toThrow(withCode('ERR_VFIO_WRONG_THREAD'));
    expect(isOnOffer(grant.token)).toBe(true);
    await grant.revoke();
  });

  test('has a token that is a string, another each time, and can be cloned', async () => {
    const grants = [device.grant({}), device.grant({})];
    const tokens = grants.map(({ token }) => structuredClone(token));
    expect(tokens).toEqual([expect.any(String), expect.any(String)]);
    expect(tokens[0]).not.toBe(tokens[1]);
    expect(tokens.map(isOnOffer)).toEqual([true, true]);
    await Promise.all(grants.map((grant) => grant.revoke()));
  });

  test('ends when it is revoked, which resolves at once and is the same promise twice', async () => {
    const grant = device.grant({ vectors: [interrupts.vector(1)] });
    const revoked = grant.revoke();
    expect(isOnOffer(grant.token)).toBe(false);
    expect(grant.revoke()).toBe(revoked);
    await revoked;
    interrupts.vector(1).on(fail).off(fail);
  });

  test('ends with `await using`', async () => {
    let token = '';
    {
      await using grant = device.grant({ memory: [buffer] });
      token = grant.token;
      expect(isOnOffer(token)).toBe(true);
    }
    expect(isOnOffer(token)).toBe(false);
  });

  test('of the same region and the same memory can be made twice', async () => {
    const parts = { regions: [device.bar(0), device.config, device.bar(0)], memory: [buffer] };
    const grants = [device.grant(parts), device.grant(parts)];
    expect(grants.map(({ token }) => isOnOffer(token))).toEqual([true, true]);
    await grants[0]?.revoke();
    expect(grants.map(({ token }) => isOnOffer(token))).toEqual([false, true]);
    await grants[1]?.revoke();
    expect(device.bar(0).read32(0)).toBe(0);
    expect(buffer.u32[0]).toBe(0);
  });

  const endings: [
    string,
    (parts: GrantOptions) => unknown,
    ('regions' | 'vectors' | 'memory')[],
  ][] = [
    ['the interrupt set closes', () => interrupts.close(), ['vectors']],
    ['the device is reset', () => device.reset(), ['vectors']],
    ['a buffer closes', ({ memory }) => memory?.[0]?.close(), ['memory']],
    ['the device closes', () => device.close(), ['regions', 'vectors', 'memory']],
    ['the container closes', () => container.close(), ['regions', 'vectors', 'memory']],
  ];

  test.each(endings)('ends when %s, if it was granted', async (_, end, ended) => {
    const parts = {
      regions: [device.bar(0)],
      vectors: [interrupts.vector(0)],
      memory: [device.allocDma(4096)],
    };
    const whole = device.grant(parts);
    const { regions, memory } = parts;
    const each = {
      regions: device.grant({ regions }),
      vectors: device.grant({ vectors: [interrupts.vector(1)] }),
      memory: device.grant({ memory }),
    };
    await end(parts);
    expect(isOnOffer(whole.token)).toBe(false);
    for (const [part, { token }] of Object.entries(each)) {
      expect([part, isOnOffer(token)]).toEqual([part, !(ended as string[]).includes(part)]);
    }
    for (const grant of [whole, ...Object.values(each)]) await grant.revoke();
    if (container.closed) {
      container = await Container.open();
      await open();
      buffer = device.allocDma(4096);
    } else if (device.closed) {
      await open();
    } else if (interrupts.closed) {
      arm();
    }
  });
});

describe('a token', () => {
  test.each(notNumbers.filter(([what]) => what !== 'a string'))(
    'that is %s is a TypeError',
    (_, value) => {
      expect(() => adopt(value as string)).toThrow(withCode('ERR_INVALID_ARG_TYPE'));
    },
  );

  test('that nobody made names no grant', () => {
    for (const token of ['', 'x', '0', '\0', crypto.randomUUID(), 'é'.repeat(100_000)]) {
      expect(() => adopt(token)).toThrow(withCode('ERR_VFIO_CLOSED'));
    }
  });
});

describe('a vector has one consumer, so', () => {
  const busy = withCode('ERR_VFIO_BUSY');

  test('one that is listened to is not granted', async () => {
    const vector = interrupts.vector(2);
    vector.on(fail);
    expect(() => device.grant({ vectors: [vector] })).toThrow(busy);
    vector.off(fail);
    const waiting = vector.once();
    expect(() => device.grant({ vectors: [vector] })).toThrow(busy);
    hardware.raise(2, 2);
    expect(await waiting).toBe(1);
    await device.grant({ vectors: [vector] }).revoke();
  });

  test('one that is granted is not listened to, and what comes waits for who is next', async () => {
    const vector = interrupts.vector(2);
    const grant = device.grant({ vectors: [vector] });
    expect(() => vector.on(fail)).toThrow(busy);
    expect(() => vector[Symbol.asyncIterator]()).toThrow(busy);
    await expect(vector.once()).rejects.toEqual(busy);
    vector.trigger();
    hardware.raise(2, 2);
    await grant.revoke();
    expect(await vector.once()).toBe(2);
  });

  test('one that is granted is not granted again, nor are those beside it', async () => {
    const [first, second] = [interrupts.vector(0), interrupts.vector(1)];
    const grant = device.grant({ vectors: [first] });
    expect(() => device.grant({ vectors: [second, first] })).toThrow(busy);
    second.on(fail).off(fail);
    await device.grant({ vectors: [second, second] }).revoke();
    await grant.revoke();
  });
});

describe('only what is open and the device’s own is granted:', () => {
  test.each<[string, unknown, string]>([
    ['no options', undefined, 'ERR_INVALID_ARG_TYPE'],
    ['a list of options', [], 'ERR_INVALID_ARG_TYPE'],
    ['an unknown option', { bars: [] }, 'ERR_INVALID_ARG_VALUE'],
    ['a region that is no list', { regions: 0 }, 'ERR_INVALID_ARG_TYPE'],
    ['the number of a region', { regions: [0] }, 'ERR_INVALID_ARG_TYPE'],
    ['the number of a vector', { vectors: [0] }, 'ERR_INVALID_ARG_TYPE'],
    ['an array as memory', { memory: [new Uint8Array(1)] }, 'ERR_INVALID_ARG_TYPE'],
    ['a look-alike', { regions: [{ index: 0 }] }, 'ERR_INVALID_ARG_TYPE'],
  ])('%s', (_, parts, code) => {
    expect(() => device.grant(parts as GrantOptions)).toThrow(withCode(code));
  });

  test('not parts of another device', async () => {
    const other = await container.openDevice(mate);
    other.busMaster = true;
    const theirs = other.enableInterrupts('msix').vector(0);
    const foreign = withCode('ERR_INVALID_ARG_VALUE');
    expect(() => device.grant({ regions: [other.bar(0)] })).toThrow(foreign);
    expect(() => device.grant({ regions: [other.config] })).toThrow(foreign);
    expect(() => device.grant({ vectors: [theirs] })).toThrow(foreign);
    await other.close();
  });

  test('not holes of an array', () => {
    // biome-ignore lint/suspicious/noSparseArray: the test needs an array with a hole
    const regions = [, device.bar(0)] as never;
    expect(() => device.grant({ regions })).toThrow(withCode('ERR_INVALID_ARG_TYPE'));
  });

  test('not memory of another container', async () => {
    const machine = useMachine({ address: '0000:0f:00.0', group: 150 });
    const elsewhere = await Container.open();
    await elsewhere.openDevice('0000:0f:00.0');
    const theirs = elsewhere.allocDma(4096);
    expect(() => device.grant({ memory: [theirs] })).toThrow(withCode('ERR_INVALID_ARG_VALUE'));
    await elsewhere.close();
    expectNothingOpen(machine, '0000:0f:00.0');
  });

  test('not what is closed', async () => {
    const closed = withCode('ERR_VFIO_CLOSED');
    const gone = device.allocDma(4096);
    gone.close();
    expect(() => device.grant({ memory: [gone] })).toThrow(closed);
    const former = interrupts.vector(0);
    interrupts.close();
    expect(() => device.grant({ vectors: [former] })).toThrow(closed);
    const region = device.bar(0);
    await device.close();
    expect(() => device.grant({ regions: [region] })).toThrow(closed);
    await open();
    expect(() => device.grant({ vectors: [former] })).toThrow(closed);
  });

  test('and a refused grant holds nothing', async () => {
    const parts = {
      regions: [device.bar(0)],
      vectors: [interrupts.vector(0), 7],
      memory: [buffer],
    };
    expect(() => device.grant(parts as GrantOptions)).toThrow(withCode('ERR_INVALID_ARG_TYPE'));
    const raised = interrupts.vector(0).once();
    await until(() => hardware.raise(2, 0));
    expect(await raised).toBeGreaterThan(0);
  });
});

function fail(): never {
  throw new Error('Nobody raised it');
}
