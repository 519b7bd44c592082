// SPDX-License-Identifier: MIT
// The library reads each argument only once. So a getter cannot return one value for the check, and another for the
// use.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  bindDevice,
  bindRegisters,
  bindStructs,
  Container,
  type Device,
  defineRegisters,
  type Interrupt,
  type InterruptSet,
  findDevice,
  listDevices,
  openDevice,
  type Region,
} from '../../lib/index.js';
import { useMachine } from '../../tools/testing-addon.js';
import { publicOptions } from '../support/public-operations.js';
import { expectNothingOpen, withCode } from './support.js';

const address = '0000:15:00.0';
const mate = '0000:15:00.1';
const group = 150;
const machine = useMachine(
  { address, group, bars: [{ size: 0x1000 }, { size: 0x1000 }], msix: 4 },
  { address: mate, group },
);

let container: Container;
let device: Device;
let interrupts: InterruptSet;
let vector: Interrupt;
let region: Region;

beforeEach(async () => {
  container = await Container.open();
  device = await container.openDevice(address);
  device.busMaster = true;
  interrupts = device.enableInterrupts('msix', { count: 2 });
  vector = interrupts.vector(0);
  region = device.bar(0);
});

afterEach(async () => {
  await container.close();
  expectNothingOpen(machine, address, mate);
});

/** The number of times that each key was read. */
type Reads = Record<string, number>;

/** An object whose getters return the right value once, and a wrong one at each later read. */
function lyingObject(keys: readonly string[], truth: Record<string, unknown>): [object, Reads] {
  const reads: Reads = Object.fromEntries(keys.map((key) => [key, 0]));
  const given = {};
  for (const key of keys) {
    const get = () => {
      reads[key] = (reads[key] as number) + 1;
      return reads[key] === 1 ? truth[key] : Symbol(`a second read of ${key}`);
    };
    Object.defineProperty(given, key, { get, enumerable: true });
  }
  return [given, reads];
}

/** The calls that take an interface, and the values of the keys that the test sets. */
interface Row {
  truth?: () => Record<string, unknown>;
  calls: Record<string, (given: never) => unknown>;
}

const { signal } = new AbortController();
const opens = { signal, requestGrace: 5000 };

const oneField = defineRegisters({ R: { at: 0, fields: { F: 0 } } });

const rows: Record<string, Row> = {
  OpenOptions: {
    truth: () => ({ ...opens, container }),
    calls: { openDevice: (given) => openDevice(mate, given) },
  },
  OpenDeviceOptions: {
    truth: () => opens,
    calls: {
      'Container.openDevice': (given) => container.openDevice(mate, given),
      'Group.openDevice': async (given) =>
        (await container.openGroup(group)).openDevice(mate, given),
    },
  },
  DescriptorOptions: {
    calls: {
      'Container.open': async (given) => (await Container.open(given)).close(),
      'Container.openGroup': (given) => container.openGroup(group, given),
    },
  },
  DmaOptions: {
    truth: () => ({ direction: 'toDevice', iova: 0x10000n }),
    calls: {
      'Container.allocDma': (given) => container.allocDma(4096, given).close(),
      'Container.allocDmaAsync': (given) => container.allocDmaAsync(4096, given),
      'Device.allocDma': (given) => device.allocDma(4096, given),
      'Device.allocDmaAsync': (given) => device.allocDmaAsync(4096, given),
    },
  },
  GrantOptions: {
    truth: () => ({ regions: [region], vectors: [vector], memory: [device.allocDma(4096)] }),
    calls: { 'Device.grant': (given) => device.grant(given) },
  },
  InterruptOptions: {
    truth: () => ({ count: 2 }),
    calls: {
      'Device.enableInterrupts': (given) => {
        interrupts.close();
        device.enableInterrupts('msix', given);
      },
    },
  },
  OnceOptions: {
    truth: () => ({ timeout: 5000, signal }),
    calls: {
      'Interrupt.once': (given) => {
        const raised = vector.once(given);
        vector.trigger();
        return raised;
      },
    },
  },
  PollOptions: {
    truth: () => ({ timeout: 5000, signal }),
    calls: {
      'Region.poll32': (given) => region.poll32(0, 0, 0, given),
      'Region.poll32, which waits': (given) => {
        const polled = region.poll32(4, 1, 1, given);
        setImmediate(() => region.write32(4, 1));
        return polled;
      },
      'Awaitable.until': (given) => bindRegisters(region, oneField).R.until({ F: 0 }, given),
    },
  },
  StructPlaces: {
    truth: () => ({ count: 2, stride: 4, base: 8 }),
    calls: { bindStructs: (given) => bindStructs(region, oneField, given) },
  },
  BatchCommand: {
    truth: () => ({ offset: 8, width: 16, write: 7 }),
    calls: { 'Region.batch': (given) => region.batch([given]).run() },
  },
  BindOptions: {
    truth: () => ({ dryRun: true }),
    calls: { bindDevice: (given) => bindDevice('ffff:ff:1f.7', given).catch(isNoDevice) },
  },
  DeviceFilter: {
    truth: () => ({ vendorId: 1, deviceId: 2, classCode: 3, baseClass: 4, subclass: 5 }),
    calls: {
      listDevices: (given) => listDevices(given),
      findDevice: (given) => findDevice(given).catch(isNotFound),
    },
  },
  RegisterSpec: {
    truth: () => ({ at: 8, width: 16, access: 'rw', fields: { A: 0 }, count: 2, stride: 4 }),
    calls: { defineRegisters: (given) => defineRegisters({ R: given }) },
  },
  FieldSpec: {
    truth: () => ({ bits: [3, 0], access: 'rw', values: { one: 1 }, doc: 'a field' }),
    calls: { defineRegisters: (given) => defineRegisters({ R: { at: 0, fields: { F: given } } }) },
  },
};

function isNoDevice(failure: unknown): void {
  expect(failure).toEqual(withCode('ENODEV'));
}

function isNotFound(failure: unknown): void {
  expect(failure).toEqual(withCode('ERR_VFIO_NOT_FOUND'));
}

describe('options', () => {
  const declared = publicOptions();

  test('of every kind are tried here', () => {
    expect(Object.keys(rows).sort()).toEqual(Object.keys(declared).sort());
  });

  const calls = Object.entries(rows).flatMap(([name, { truth, calls }]) =>
    Object.entries(calls).map(([call, run]) => ({ call, name, truth, run })),
  );

  // A key that has no value here reads as undefined, as if the caller had left it out. It too is read only once.
  test.each(calls)('of $call are read once each ($name)', async ({ name, truth, run }) => {
    const keys = declared[name] as string[];
    const [given, reads] = lyingObject(keys, truth?.() ?? {});
    await run(given as never);
    expect(reads).toEqual(Object.fromEntries(keys.map((key) => [key, 1])));
  });
});

/** An array whose items and length are right at the first read, and `lie` at each later read. */
function lyingArray<T extends object>(truth: T[], lie: unknown): T[] {
  const seen = new Set<PropertyKey>();
  return new Proxy(truth, {
    get(target, key, receiver) {
      const again = typeof key === 'string' && seen.has(key);
      seen.add(key);
      return again ? lie : Reflect.get(target, key, receiver);
    },
  });
}

describe('an array', () => {
  test('of commands is read once', () => {
    const batch = region.batch(lyingArray([{ offset: 0x10, write: 3 }, { offset: 0x10 }], {}));
    expect(batch.run().value(1)).toBe(3);
  });

  test('of parts to grant is read once', async () => {
    const memory = [device.allocDma(4096)];
    const grant = device.grant({
      regions: lyingArray([region], {}),
      vectors: lyingArray([vector], {}),
      memory: lyingArray(memory, {}),
    });
    expect(() => vector.on(() => {})).toThrow(withCode('ERR_VFIO_BUSY'));
    await grant.revoke();
  });

  test('whose methods are of its own making is an array all the same', () => {
    const regions = Object.assign([region, {} as Region], { entries: () => [], map: () => [0] });
    expect(() => device.grant({ regions })).toThrow(withCode('ERR_INVALID_ARG_TYPE'));
    const commands = Object.assign([{ offset: 0x10_0000 }], { map: () => [] });
    expect(() => region.batch(commands)).toThrow(withCode('ERR_VFIO_RANGE'));
  });

  test.each(['readArray', 'writeArray'] as const)(
    '%s goes by what an array is, not by what it says it is',
    (access) => {
      const array = Object.defineProperties(new Uint32Array(2), {
        BYTES_PER_ELEMENT: { value: 8 },
        length: { value: 0 },
        byteLength: { value: 0 },
      });
      region.write32(0xffc, 5);
      expect(() => region[access](0xffc, array)).toThrow(withCode('ERR_VFIO_RANGE'));
      expect([array[0], region.read32(0xffc)]).toEqual([0, 5]);
    },
  );
});

test('a region to grant is looked up by the number it is checked with', () => {
  let reads = 0;
  const other = device.bar(1);
  Object.defineProperty(other, 'index', { get: () => (reads++ === 0 ? 1 : 7) });
  device.grant({ regions: [other] });
  expect(reads).toBe(1);
});

test('the length of what registers are bound in is read once', () => {
  let reads = 0;
  const space = new Proxy(region, {
    get: (target, key) => {
      if (key === 'byteLength') return reads++ === 0 ? 8 : 0x1000;
      return Reflect.get(target, key, target);
    },
  });
  const map = defineRegisters({ A: { at: 0 }, B: { at: 8 } });
  expect(() => bindRegisters(space, map)).toThrow(withCode('ERR_VFIO_RANGE'));
  expect(reads).toBe(1);
});
