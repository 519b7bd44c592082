// SPDX-License-Identifier: MIT
// Calls with a `signal` option accept only a genuine AbortSignal, and use no member that a program can replace.
import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  Container,
  type Device,
  type Group,
  type InterruptSet,
  openDevice,
} from '../../lib/index.js';
import { useMachine } from '../../tools/testing-addon.js';
import { publicOptions } from '../support/public-operations.js';
import { turn } from '../support/turn.js';
import { expectNothingOpen, withCode } from './support.js';

const address = '0000:16:00.0';
const mate = '0000:16:00.1';
const groupId = 160;
const machine = useMachine(
  { address, group: groupId, bars: [{ size: 0x1000 }], msix: 1 },
  { address: mate, group: groupId },
);
const hardware = machine.device(address);

let container: Container;
let group: Group;
let device: Device;
let interrupts: InterruptSet;

beforeEach(async () => {
  container = await Container.open();
  group = await container.openGroup(groupId);
  device = await container.openDevice(address);
  device.busMaster = true;
  interrupts = device.enableInterrupts('msix');
});

afterEach(async () => {
  await container.close();
  expectNothingOpen(machine, address, mate);
});

/** The calls that take a signal. Each waits for something that does not happen before the signal aborts. */
const callsWithSignal: Record<string, (signal: AbortSignal) => Promise<unknown>> = {
  'openDevice (OpenOptions)': (signal) => openDevice(mate, { signal, container }),
  'Container.openDevice (OpenDeviceOptions)': (signal) => container.openDevice(mate, { signal }),
  'Group.openDevice (OpenDeviceOptions)': (signal) => group.openDevice(mate, { signal }),
  'Interrupt.once (OnceOptions)': (signal) => interrupts.vector(0).once({ signal }),
  'Region.poll32 (PollOptions)': (signal) => device.bar(0).poll32(0, 1, 1, { signal }),
};

/** Runs `work` while no open of the device can finish. */
async function whileOpensWait(work: () => Promise<void>): Promise<void> {
  const { opening } = machine.device(mate);
  opening.hold();
  try {
    await work();
  } finally {
    opening.release();
  }
}

test('every option called signal is tried here', () => {
  const declared = Object.entries(publicOptions()).filter(([, keys]) => keys.includes('signal'));
  const tried = Object.keys(callsWithSignal).map((name) => name.replace(/.*\((\w+)\)/, '$1'));
  expect([...new Set(tried)].sort()).toEqual(declared.map(([name]) => name).sort());
});

const genuine = () => new AbortController().signal;

describe.each(Object.entries(callsWithSignal))('%s', (_, take) => {
  test.each<[string, () => unknown]>([
    ['what can be listened to once', () => ({ aborted: false, addEventListener() {} })],
    ['all of the members', () => ({ ...members, aborted: false })],
    ['one that has aborted', () => ({ ...members, aborted: true, reason: new Error('mine') })],
    ['an EventTarget', () => Object.assign(new EventTarget(), { aborted: false })],
    ['a proxy of a signal', () => new Proxy(genuine(), {})],
    ['a controller', () => new AbortController()],
    ['null', () => null],
    ['a string', () => 'AbortSignal'],
  ])('takes no lookalike: %s', async (_, lookalike) => {
    await expect(take(lookalike() as AbortSignal)).rejects.toEqual(
      withCode('ERR_INVALID_ARG_TYPE', {
        message: expect.stringMatching(/^Expected an AbortSignal /),
      }),
    );
    expect(container.devices).toEqual([device]);
  });

  test('ends with a signal whose members a program replaced', async () => {
    const fail = (): never => {
      throw new Error('called');
    };
    const controller = new AbortController();
    const signal = Object.defineProperties(controller.signal, {
      aborted: { get: fail },
      reason: { get: fail },
      throwIfAborted: { value: fail },
      addEventListener: { value: fail },
      removeEventListener: { value: fail },
    });
    await whileOpensWait(async () => {
      const taken = take(signal);
      const reason = new Error('mine');
      setImmediate(() => controller.abort(reason));
      await expect(taken).rejects.toBe(reason);
    });
    await expect(take(signal)).rejects.toThrow('mine');
  });

  test('leaves nothing on a signal that did not abort', async () => {
    const signal = genuine();
    const taken = take(signal);
    hardware.raise(2, 0);
    hardware.poke(0, 0, 1);
    await taken;
    hardware.poke(0, 0, 0);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  test('is not ended by an event that only has the name', async () => {
    const controller = new AbortController();
    await whileOpensWait(async () => {
      const taken = take(controller.signal);
      let settled = false;
      const watched = taken.finally(() => {
        settled = true;
      });
      controller.signal.dispatchEvent(new Event('abort'));
      await turn();
      expect(settled).toBe(false);
      controller.abort();
      await expect(watched).rejects.toMatchObject({ name: 'AbortError' });
    });
  });

  test('ends although the inside of its signal was broken', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    await whileOpensWait(async () => {
      const taken = take(signal);
      await turn();
      for (const key of Object.getOwnPropertySymbols(signal)) {
        Reflect.defineProperty(signal, key, {
          get() {
            throw new Error('broken');
          },
        });
      }
      const closing = container.close();
      machine.device(mate).opening.release();
      await expect(taken).rejects.toBeDefined();
      await closing;
    });
  });
});

const members = {
  addEventListener() {},
  removeEventListener() {},
  dispatchEvent: () => true,
  throwIfAborted() {},
  onabort: null,
  reason: undefined,
};
