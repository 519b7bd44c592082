// SPDX-License-Identifier: MIT
// AdoptedDevice over a fake adoption. test/process/grants.test.ts tests grants between real threads.
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { AdoptedDevice, adopt } from '../../lib/adopted-device.js';
import { ours } from '../../lib/internal/ours.js';
import type { Interrupt } from '../../lib/interrupt.js';
import { renew } from './lib-fake-addon.js';
import { FakeAdoption, FakeDevice, FakeNative, rejectionOf, thrownBy } from './lib-fake-native.js';

const address = '0000:01:00.0';

let native: FakeNative;
let adoption: FakeAdoption;
const made: AdoptedDevice[] = [];

beforeEach(() => {
  native = new FakeNative();
  const device = new FakeDevice(address, native.log);
  native.container.devices.push(device);
  adoption = new FakeAdoption(device);
});

afterEach(() => {
  for (const device of made.splice(0)) device.close();
});

function keep(device: AdoptedDevice): AdoptedDevice {
  made.push(device);
  return device;
}

function make(): AdoptedDevice {
  return keep(new AdoptedDevice(ours, native, adoption));
}

/** Counts the `close` events of the device. */
function closesOf(device: AdoptedDevice): () => number {
  let count = 0;
  device.on('close', () => count++);
  return () => count;
}

const closed = { code: 'ERR_VFIO_CLOSED', message: `AdoptedDevice ${address} is closed`, address };

describe('what was granted', () => {
  test('are regions, each the same object every time, with accesses that reach the device', () => {
    const device = make();
    expect(device.address).toBe(address);
    expect(device.bar(0)).toBe(device.region(0));
    device.bar(0).write32(8, 88);
    expect(native.access).toEqual(['write32', 0, 8, 88]);
    expect(device.bar(0).read32(8)).toBe(88);
  });

  test('are regions without a view, because a revocation could not stop its accesses', () => {
    for (const { info } of adoption.regions) {
      Object.assign(info, { prefetchable: true, mappable: [[0, info.size]] });
    }
    const bar = make().bar(0);
    expect(bar.prefetchable).toBe(true);
    expect(thrownBy(() => bar.inexactView())).toMatchObject({
      code: 'ERR_VFIO_UNSUPPORTED',
      message: expect.stringContaining(`of BAR0 of ${address}: it belongs to an adopted device`),
    });
  });

  test('may be config space, which knows its registers', () => {
    const device = make();
    expect(device.config).toBe(device.region(7));
    expect(device.config.vendorId).toBe(0x1b36);
    expect(native.access).toEqual(['read16', 7, 0]);
  });

  test('are vectors, by their numbers in the set they are of', async () => {
    const device = make();
    expect(device.vector(3)).toBe(device.vector(3));
    expect(device.vector(3)).not.toBe(device.vector(1));
    const raised = device.vector(3).once();
    adoption.interrupts?.raise(3, 2);
    expect(await raised).toBe(2);
  });

  test('tells a timeout as much as it can read', () => {
    const timeout = (device: AdoptedDevice) => thrownBy(() => device.vector(1).waitSync(1)).message;
    const prefix = `msix vector 1 of ${address} was not raised within 1 ms (0 interrupts so far`;
    expect(timeout(make())).toContain(`${prefix}, bus master off)`);
    adoption.regions.length = 0;
    expect(timeout(make())).toContain(`${prefix})\n`);
  });

  test('is INTx as whoever had it before may have left it: masked', () => {
    adoption.irqIndex = 0;
    const device = make();
    device.vector(1).on(() => {});
    expect(native.log).toEqual(['listen 1', 'unmask']);
  });

  test.each([1, 2])('is no INTx with index %d', (index) => {
    adoption.irqIndex = index;
    const device = make();
    device.vector(1).on(() => {});
    expect(native.log).toEqual(['listen 1']);
    expect(thrownBy(() => device.vector(1).mask()).message).toContain(
      `Vector 1 of AdoptedDevice ${address}`,
    );
  });

  test('are buffers, in a list that stays as it is', () => {
    const { memory } = make();
    expect(memory.map(({ iova, byteLength }) => [iova, byteLength])).toEqual([[0x10000n, 4096]]);
    expect(Object.isFrozen(memory)).toBe(true);
  });

  test('is all there is', () => {
    const device = make();
    const refused = (name: string) => ({
      code: 'ERR_VFIO_UNSUPPORTED',
      message: expect.stringContaining(`${name} of ${address} was not granted\n`),
      address,
    });
    expect(thrownBy(() => device.bar(1))).toMatchObject(refused('BAR1'));
    expect(thrownBy(() => device.region(6))).toMatchObject(refused('ROM'));
    expect(thrownBy(() => device.vector(0))).toMatchObject(refused('vector 0'));
  });

  test('may be no vectors', () => {
    adoption.interrupts = undefined;
    adoption.irqIndex = undefined;
    expect(thrownBy(() => make().vector(1)).code).toBe('ERR_VFIO_UNSUPPORTED');
  });

  test('is asked for by a number', () => {
    const device = make();
    for (const ask of [
      () => device.region('0' as never),
      () => device.bar(null as never),
      () => device.vector(undefined as never),
    ]) {
      expect(thrownBy(ask).code).toBe('ERR_INVALID_ARG_TYPE');
    }
    for (const ask of [() => device.region(-1), () => device.bar(6), () => device.vector(0.5)]) {
      expect(thrownBy(ask).code).toBe('ERR_VFIO_RANGE');
    }
  });
});

/** Fails unless the adopted device, this vector and the memory are closed. */
async function expectEnded(device: AdoptedDevice, vector: Interrupt): Promise<void> {
  expect(device.closed).toBe(true);
  expect(thrownBy(() => device.region(0))).toMatchObject(closed);
  expect(thrownBy(() => device.bar(0))).toMatchObject(closed);
  expect(thrownBy(() => device.config)).toMatchObject(closed);
  expect(thrownBy(() => device.vector(1))).toMatchObject(closed);
  expect(await rejectionOf(vector.once())).toMatchObject({
    code: 'ERR_VFIO_CLOSED',
    message: `AdoptedDevice ${address} is closed`,
  });
  expect(device.memory.map((buffer) => buffer.closed)).toEqual([true]);
}

describe('closing', () => {
  test('gives everything back, and ends who waits', async () => {
    const device = make();
    const closes = closesOf(device);
    const vector = device.vector(1);
    const waiting = rejectionOf(vector.once());
    native.log.length = 0;
    device.close();
    expect(native.log).toEqual(['let go', 'unmap 0x10000']);
    expect(await waiting).toMatchObject({ code: 'ERR_VFIO_CLOSED' });
    await expectEnded(device, vector);
    expect(closes()).toBe(1);
  });

  test('twice, or with `using`, is closing once', () => {
    const device = make();
    const closes = closesOf(device);
    device.close();
    device[Symbol.dispose]();
    expect(closes()).toBe(1);
  });

  test('does not hear the end of the grant again', () => {
    const device = make();
    const closes = closesOf(device);
    device.close();
    adoption.revoke();
    expect(closes()).toBe(1);
  });

  test('one buffer leaves the rest open', () => {
    const device = make();
    device.memory[0]?.close();
    expect(device.closed).toBe(false);
    expect(device.bar(0).read32(0)).toBe(0);
  });
});

describe('a grant that the other thread ends', () => {
  test('ends here, with all its parts', async () => {
    const device = make();
    const closes = closesOf(device);
    const vector = device.vector(1);
    const steps = vector[Symbol.asyncIterator]();
    const next = steps.next();
    expect(device.closed).toBe(false);
    adoption.revoke();
    expect(await next).toEqual({ done: true, value: undefined });
    await expectEnded(device, vector);
    expect(closes()).toBe(1);
  });

  test('is over once, also when it is closed here too', () => {
    const device = make();
    const closes = closesOf(device);
    adoption.revoke();
    device.close();
    expect(closes()).toBe(1);
  });
});

describe('adopting', () => {
  const { VFIO_BINARY } = process.env;

  beforeEach(() => {
    process.env.VFIO_BINARY = fileURLToPath(new URL('lib-fake-addon.ts', import.meta.url));
    native = renew();
    native.container.devices.push(new FakeDevice(address, native.log));
  });

  afterEach(() => {
    if (VFIO_BINARY === undefined) delete process.env.VFIO_BINARY;
    else process.env.VFIO_BINARY = VFIO_BINARY;
  });

  test('takes the token to the addon', () => {
    const tokens: string[] = [];
    native.adopt = (token) => {
      tokens.push(token);
      return adoption;
    };
    expect(keep(adopt('a token'))).toMatchObject({ address, closed: false });
    expect(tokens).toEqual(['a token']);
  });

  test('tells why the addon refused', () => {
    native.adopt = () => {
      throw { code: 'ERR_VFIO_WRONG_THREAD', message: 'this thread made the grant' };
    };
    expect(thrownBy(() => adopt('a token'))).toMatchObject({
      code: 'ERR_VFIO_WRONG_THREAD',
      message: expect.stringContaining('this thread made the grant'),
    });
  });

  test.each([undefined, null, 7, {}, Symbol('token')])('refuses the token %p', (token) => {
    const error = thrownBy(() => adopt(token as never));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.code).toBe('ERR_INVALID_ARG_TYPE');
  });
});
