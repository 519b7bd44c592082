// SPDX-License-Identifier: MIT
// The addon without lib/: it also refuses the arguments that lib/ would refuse, and changes nothing then.
import { createServer } from 'node:net';
import { constants } from 'node:os';
import { types } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { loadNative } from '../../lib/internal/load-native.js';
import {
  AccessFailure,
  type NativeContainer,
  type NativeDevice,
  type NativeDmaBuffer,
  type NativeInterrupts,
  type NativeOpenRequest,
} from '../../lib/native.js';
import { ageHandle, releaseHandle, syscalls, useMachine } from '../../tools/testing-addon.js';
import { expectNothingOpen, withCode } from './support.js';

const address = '0000:0f:00.0';
const size = 0x1000;
const machine = useMachine({
  address,
  group: 150,
  bars: [{ size }, { size: 0 }, { size }],
  msix: 4,
});
const hardware = machine.device(address);
const addon = loadNative();
const [intx, msi, msix] = [0, 1, 2];

let container: NativeContainer;
let device: NativeDevice;

beforeAll(async () => {
  ({ container, device } = await addon.openDevice({ address }));
});

afterAll(async () => {
  await device.close();
  await container.close();
  expectNothingOpen(machine, address);
});

test.each([
  ['is no UUID', 'token'],
  ['goes on behind its end', '83d8f4f2-509f-382f-3c1e-e6bfe0fa1001 vf_token=0'],
  ['is no string', {}],
])('a token that %s opens nothing', (_what, vfToken) => {
  const request = { address, vfToken } as NativeOpenRequest;
  expect(() => addon.openDevice(request)).toThrow(withCode('ERR_VFIO_RANGE'));
  expect(() => container.openDevice(request)).toThrow(withCode('ERR_VFIO_RANGE'));
});

test.each([1, 8, 9, 2 ** 32 - 1])('there is no handle on region %d', (region) => {
  expect(() => device.acquire(region)).toThrow(withCode('ERR_VFIO_UNSUPPORTED'));
});

test('an access is within the region, and aligned', () => {
  const handle = device.acquire(0);
  for (const offset of [size, size - 3, 2 ** 40, -4, Number.NaN]) {
    expect(addon.read32(handle, offset)).toBe(AccessFailure.RANGE);
    expect(addon.write32(handle, offset, 1)).toBe(AccessFailure.RANGE);
  }
  for (const offset of [1, 2, size - 6]) {
    expect(addon.read32(handle, offset)).toBe(AccessFailure.ALIGN);
    expect(addon.write32(handle, offset, 1)).toBe(AccessFailure.ALIGN);
  }
  releaseHandle(handle);
  expect(addon.read32(handle, 0)).toBe(AccessFailure.CLOSED);
});

test('a region that cannot be mapped takes up none of the 4096 handles', () => {
  for (let round = 0; round < 4097; round++) {
    syscalls().fail(1, constants.errno.ENOMEM, 'mmap');
    expect(() => device.acquire(2)).toThrow(expect.objectContaining({ syscall: 'mmap' }));
  }
  syscalls().reset();
  releaseHandle(device.acquire(2));
});

test('an entry that has had its last handle has no other', () => {
  const last = ageHandle(device.acquire(2));
  releaseHandle(last);
  const handles: number[] = [];
  const takeAll = () => {
    for (;;) handles.push(device.acquire(2));
  };
  expect(takeAll).toThrow(withCode('ERR_VFIO_UNSUPPORTED'));
  for (const handle of handles) releaseHandle(handle);
  expect(handles).toHaveLength(4095);
  expect(handles.map((handle) => handle % 4096)).not.toContain(last % 4096);
});

describe('interrupts', () => {
  test.each([
    ['that the device has not', () => device.enableInterrupts(msi, 1), 'ERR_VFIO_UNSUPPORTED'],
    ['of no kind', () => device.enableInterrupts(99, 1), 'ERR_VFIO_UNSUPPORTED'],
    ['without a vector', () => device.enableInterrupts(intx, 0), 'ERR_VFIO_RANGE'],
    ['with more vectors than there are', () => device.enableInterrupts(intx, 2), 'ERR_VFIO_RANGE'],
    ['of more than any device has', () => device.enableInterrupts(msix, 2049), 'ERR_VFIO_RANGE'],
    ['while it may not write', () => device.enableInterrupts(msix, 1), 'ERR_VFIO_BUS_MASTER'],
  ])('%s are not enabled', (_what, enable, code) => {
    expect(enable).toThrow(withCode(code));
    expect(hardware.eventfd(0)).toBe(-1);
  });

  test('are enabled once', () => {
    const set = device.enableInterrupts(intx, 1);
    expect(() => device.enableInterrupts(intx, 1)).toThrow(withCode('ERR_VFIO_BUSY'));
    set.close();
    device.enableInterrupts(intx, 1).close();
  });
});

describe('a set', () => {
  let set: NativeInterrupts;

  beforeAll(() => {
    device.setBusMaster(true);
    set = device.enableInterrupts(msix, 2);
  });

  const uses: [string, (vector: number) => unknown][] = [
    ['listen', (vector) => set.listen(vector, () => {})],
    ['wait', (vector) => set.wait(vector, 0)],
    ['giveBack', (vector) => set.giveBack(vector, 1)],
    ['ref', (vector) => set.ref(vector)],
    ['unref', (vector) => set.unref(vector)],
  ];

  test.each(uses)('has only its own vectors: %s', (_name, use) => {
    for (const vector of [2, 2 ** 32 - 1, -1]) {
      expect(() => use(vector)).toThrow(withCode('ERR_VFIO_RANGE'));
    }
  });

  test('keeps nothing alive for a vector without a listener', () => {
    expect(set.ref(1)).toBeUndefined();
    expect(set.unref(1)).toBeUndefined();
    expect(set.unlisten(1)).toBeUndefined();
  });

  describe('that is closed', () => {
    beforeAll(() => {
      set.close();
      set.close();
    });

    const others: typeof uses = [
      ['trigger', (vector) => set.trigger(vector)],
      ['mask', () => set.mask()],
      ['unmask', () => set.unmask()],
    ];

    test.each([...uses, ...others])('refuses %s', (_name, use) => {
      expect(() => use(0)).toThrow(withCode('ERR_VFIO_CLOSED'));
      expect(hardware.eventfd(0)).toBe(-1);
    });
  });
});

describe('an object of another kind', () => {
  type AnyObject = Record<string, unknown> & { constructor: new (...args: unknown[]) => object };
  let objects: AnyObject[];
  let set: NativeInterrupts;
  let buffer: NativeDmaBuffer;

  beforeAll(() => {
    device.setBusMaster(true);
    set = device.enableInterrupts(msix, 1);
    buffer = container.allocDma(4096, 0, undefined, undefined, undefined, undefined);
    const grant = device.grant('another kind', [0], undefined, [], [buffer]);
    objects = [container, device, set, buffer, grant] as unknown as AnyObject[];
  });

  afterAll(() => {
    set.close();
    buffer.close();
  });

  /** A V8 external: the kind of object in which addons wrap addresses. This one belongs to Node. */
  function anExternal(): unknown {
    const server = createServer().listen(0);
    const { _handle } = server as never as { _handle: { _externalStream: object } };
    const external = _handle._externalStream;
    server.close();
    expect(types.isExternal(external)).toBe(true);
    return external;
  }

  /** The functions that a program can call on an object: its methods, and the getters of its accessors. */
  function callables(object: AnyObject): [string, (this: unknown) => unknown][] {
    const described = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(object));
    return Object.entries(described)
      .filter(([name]) => name !== 'constructor')
      .map(([name, { value, get }]) => [name, value ?? get]);
  }

  test('is refused by every method and accessor', () => {
    for (const object of objects) {
      const strangers = [
        ...objects.filter((other) => other !== object),
        {},
        Object.create(object),
        new Proxy(object, {}),
        Object.getPrototypeOf(object),
        5,
        undefined,
      ];
      for (const [, call] of callables(object)) {
        for (const stranger of strangers)
          expect(() => call.call(stranger)).toThrow('Illegal invocation');
      }
    }
  });

  test('is not made by a constructor', () => {
    for (const { constructor: Constructor } of objects) {
      expect(() => new Constructor()).toThrow('Illegal constructor');
      expect(() => new Constructor(objects[0])).toThrow('Illegal constructor');
      expect(() => new Constructor(anExternal())).toThrow('Illegal constructor');
      expect(() => Reflect.construct(Constructor, [], Object)).toThrow();
    }
  });

  test('is refused as a part of a grant', () => {
    const refused = withCode('ERR_INVALID_ARG_TYPE');
    for (const stranger of [set, {}, 5, undefined] as never[]) {
      expect(() => device.grant('a', [], undefined, [], [stranger])).toThrow(refused);
    }
    for (const stranger of [buffer, {}] as never[]) {
      expect(() => device.grant('b', [], stranger, [0], [])).toThrow(refused);
    }
  });
});
