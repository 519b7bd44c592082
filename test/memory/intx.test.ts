// SPDX-License-Identifier: MIT
// INTx, a level interrupt: the kernel masks it each time it is raised, until the listeners have served the device.
import { afterAll, afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { type Device, type Interrupt, openDevice } from '../../lib/index.js';
import { useMachine } from '../../tools/testing-addon.js';
import { command } from '../support/command-register.js';
import { turn } from '../support/turn.js';
import { until } from '../support/until.js';
import { expectNothingOpen, withCode } from './support.js';

const address = '0000:09:00.0';
const machine = useMachine({ address, group: 90 });
const hardware = machine.device(address);

let device: Device;
let vector: Interrupt;

beforeEach(async () => {
  device = await openDevice(address);
  vector = device.enableInterrupts('intx').vector(0);
});
afterEach(async () => {
  hardware.lowerIntx();
  await device.close();
});
afterAll(() => expectNothingOpen(machine, address));

/** Lets the device assert its line. Returns whether that raised an interrupt in this process. */
function assertLine(): boolean {
  return hardware.raise(0, 0);
}

/** Waits a few turns of the event loop, long enough for any further interrupt to be delivered. */
async function quiet(): Promise<void> {
  for (let i = 0; i < 5; i++) await turn();
}

test('F9/ is let through by the command register while it is armed', () => {
  expect(hardware.command() & command.intxDisable).toBe(0);
});

test('F9/ needs no bus master', async () => {
  expect(device.busMaster).toBe(false);
  expect(assertLine()).toBe(true);
  expect(await vector.once()).toBe(1);
});

test('F9/ arrives once for a listener that lowers the line', async () => {
  const heard = jest.fn(() => hardware.lowerIntx());
  vector.on(heard);
  assertLine();
  await until(() => heard.mock.calls.length > 0);
  await quiet();
  expect(heard).toHaveBeenCalledTimes(1);
  assertLine();
  await until(() => heard.mock.calls.length > 1);
});

test('F9/ comes again for a listener that does not lower the line', async () => {
  let calls = 0;
  vector.on(() => {
    if (++calls === 5) hardware.lowerIntx();
  });
  assertLine();
  await until(() => calls === 5);
  await quiet();
  expect(calls).toBe(5);
});

test('F9/ stays masked until the promise of the listener has settled', async () => {
  let served = () => {};
  let calls = 0;
  vector.on(() => {
    calls++;
    return new Promise<void>((resolve) => {
      served = resolve;
    });
  });
  assertLine();
  await until(() => calls === 1);
  expect(assertLine()).toBe(false);
  await quiet();
  expect(calls).toBe(1);
  served();
  await until(() => calls === 2);
  hardware.lowerIntx();
  served();
});

test('F9/ stays masked until the slowest of its listeners is done', async () => {
  let served = () => {};
  const quick = jest.fn();
  vector.on(quick);
  vector.on(
    () =>
      new Promise<void>((resolve) => {
        served = resolve;
      }),
  );
  assertLine();
  await until(() => quick.mock.calls.length === 1);
  await quiet();
  expect(quick).toHaveBeenCalledTimes(1);
  served();
  await until(() => quick.mock.calls.length === 2);
  hardware.lowerIntx();
  served();
});

test('F9/ is unmasked after once() by the next wait', async () => {
  assertLine();
  expect(await vector.once()).toBe(1);
  expect(assertLine()).toBe(false);
  expect(await vector.once()).toBe(1);
});

test('F9/ is unmasked after once() by unmask()', async () => {
  assertLine();
  await vector.once();
  hardware.lowerIntx();
  vector.unmask();
  expect(assertLine()).toBe(true);
});

test('F9/ is unmasked by an iteration when its body is done', async () => {
  let steps = 0;
  assertLine();
  for await (const count of vector) {
    expect(count).toBe(1);
    expect(assertLine()).toBe(false);
    await quiet();
    if (++steps === 3) break;
  }
  expect(steps).toBe(3);
});

test('F9/ stays masked when the user masked it, whatever the listeners do', async () => {
  const heard = jest.fn(() => vector.mask());
  vector.on(heard);
  assertLine();
  await until(() => heard.mock.calls.length === 1);
  await quiet();
  expect(assertLine()).toBe(false);
  vector.unmask();
  await until(() => heard.mock.calls.length === 2);
});

test('F9/ is not unmasked behind the back of who closed it', async () => {
  let served = () => {};
  let calls = 0;
  vector.on(() => {
    calls++;
    return new Promise<void>((resolve) => {
      served = resolve;
    });
  });
  assertLine();
  await until(() => calls === 1);
  await device.close();
  served();
  await quiet();
  expect(calls).toBe(1);
});

test('F9/ is not let through any more once its set is closed', async () => {
  await device.close();
  device = await openDevice(address);
  const set = device.enableInterrupts('intx');
  set.close();
  expect(hardware.command() & command.intxDisable).toBe(command.intxDisable);
  expect(assertLine()).toBe(false);
  expect(() => set.vector(0)).toThrow(withCode('ERR_VFIO_CLOSED'));
});

test('F9/ that was asserted before arrives when it is armed', async () => {
  await device.close();
  assertLine();
  device = await openDevice(address);
  vector = device.enableInterrupts('intx').vector(0);
  expect(await vector.once()).toBe(1);
});

test('F9/ is unmasked after waitSync() by the next wait', async () => {
  assertLine();
  expect(vector.waitSync()).toBe(1);
  expect(assertLine()).toBe(false);
  expect(vector.waitSync()).toBe(1);
  expect(await vector.once()).toBe(1);
  hardware.lowerIntx();
  expect(() => vector.waitSync(0)).toThrow(withCode('ERR_VFIO_TIMEOUT'));
  expect(assertLine()).toBe(true);
});

describe.each<[string, (vector: Interrupt, served: () => void) => Promise<unknown>]>([
  ['by a listener', async (vector, served) => vector.on(served)],
  ['by an asynchronous listener', async (vector, served) => vector.on(() => turn().then(served))],
  [
    'by an iteration',
    async (vector, served) => {
      for await (const _ of vector) served();
    },
  ],
  [
    'by once() in a row',
    async (vector, served) => {
      for (;;) {
        await vector.once();
        served();
      }
    },
  ],
])('F9/ a line that is asserted all the time, served %s,', (_, serve) => {
  test('comes again for ever, and nothing else stands still', async () => {
    let calls = 0;
    const serving = serve(vector, () => {
      calls++;
      hardware.lowerIntx();
    }).catch(({ code }) => expect(code).toBe('ERR_VFIO_CLOSED'));
    const signalled = await hardware.storm(0, 0, 2_000_000);
    await quiet();
    expect(calls).toBeGreaterThan(1);
    expect(vector.count).toBeGreaterThanOrEqual(signalled);
    // The storm may end just before or just after an unmasking. In either case, the next interrupt arrives.
    for (let i = 0; i < 3; i++) {
      const before = calls;
      assertLine();
      await until(() => calls > before);
      await quiet();
    }
    await device.close();
    await serving;
  });
});
