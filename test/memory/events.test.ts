// SPDX-License-Identifier: MIT
// The events of a device: the kernel wants it back, it had a fault, it is lost, it was reset, it is closed.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { type Device, openDevice } from '../../lib/index.js';
import { type MemoryDevice, useMachine } from '../../tools/testing-addon.js';
import { turn } from '../support/turn.js';
import { until } from '../support/until.js';
import { expectNothingOpen, withCode } from './support.js';

const address = '0000:0f:00.0';
const bars = [{ size: 0x1000 }, { size: 0x1000, mappable: false }];

let machine: ReturnType<typeof useMachine>;
let hardware: MemoryDevice;
let device: Device;
let heard: string[];

/** Opens the device and records its events, except the events `unheard`, which get no listener. */
async function open(options: { requestGrace?: number } = {}, ...unheard: string[]): Promise<void> {
  device = await openDevice(address, options);
  heard = [];
  for (const name of ['request', 'fault', 'lost', 'reset', 'close'] as const) {
    if (!unheard.includes(name)) device.on(name, () => heard.push(name));
  }
}

const warnings = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});

beforeEach(() => {
  machine = useMachine({ address, group: 150, bars, msix: 2, err: true });
  hardware = machine.device(address);
  warnings.mockClear();
});
afterEach(async () => {
  await device.close();
  expectNothingOpen(machine, address);
});

describe('F3/ request', () => {
  test('without a listener closes the device, with a warning that says what to do', async () => {
    await open({}, 'request');
    hardware.notify({ requested: true });
    await until(() => heard.includes('close'));
    expectNothingOpen(machine, address);
    expect(warnings).toHaveBeenCalledTimes(1);
    expect(warnings).toHaveBeenCalledWith(
      expect.stringContaining(address),
      expect.objectContaining({ code: 'VFIO_REQUEST', detail: expect.stringContaining('request') }),
    );
  });

  test('with a listener leaves the device open for the time of grace, and closes it then', async () => {
    await open({ requestGrace: 30 });
    let found: unknown[] = [];
    device.on('request', () => {
      found = [device.closed, device.bar(0).read32(0)];
    });
    hardware.notify({ requested: true });
    await until(() => heard.includes('request'));
    expect(found).toEqual([false, 0]);
    await until(() => heard.includes('close'));
    expect(heard).toEqual(['request', 'close']);
    expect(warnings).not.toHaveBeenCalled();
  });

  test('leaves no time where none was granted', async () => {
    await open({ requestGrace: 0 });
    hardware.notify({ requested: true });
    await until(() => heard.includes('close'));
    expect(heard).toEqual(['request', 'close']);
  });

  test('comes once however often the kernel asks', async () => {
    await open();
    for (let i = 0; i < 3; i++) {
      hardware.notify({ requested: true });
      await until(() => heard.length > 0);
      await sleep(2);
    }
    expect(heard).toEqual(['request']);
  });

  test('lets its listener close the device', async () => {
    await open();
    device.on('request', () => device.close());
    hardware.notify({ requested: true });
    await until(() => heard.includes('close'));
    await sleep(2);
    expect(heard).toEqual(['request', 'close']);
  });

  test('during a reset closes the device after it', async () => {
    await open({}, 'request');
    hardware.resetting.hold();
    const reset = device.reset();
    hardware.resetting.awaitArrival();
    hardware.notify({ requested: true });
    await until(() => device.closed);
    hardware.resetting.release();
    await expect(reset).rejects.toEqual(withCode('ERR_VFIO_CLOSED'));
    await device.close();
    expect(heard.at(-1)).toBe('close');
  });
});

describe('F5/ fault', () => {
  test('is told each time and changes nothing by itself', async () => {
    await open();
    for (let i = 1; i <= 2; i++) {
      hardware.notify({ fault: true });
      await until(() => heard.length === i);
    }
    expect(heard).toEqual(['fault', 'fault']);
    expect(device.bar(0).read32(0)).toBe(0);
    await device.reset();
    expect(heard.at(-1)).toBe('reset');
  });
});

describe('F4/ lost', () => {
  test('is told once, and every use of the device says so from then on', async () => {
    await open();
    device.busMaster = true;
    const set = device.enableInterrupts('msix');
    hardware.lose();
    await until(() => heard.length > 0);
    expect(heard).toEqual(['lost']);
    const lost = withCode('ERR_VFIO_LOST', { address });
    expect(() => device.bar(0).read32(0)).toThrow(lost);
    expect(() => device.bar(0).write64(0, 0n)).toThrow(lost);
    expect(() => device.config.vendorId).toThrow(lost);
    expect(() => device.busMaster).toThrow(lost);
    expect(() => set.vector(0).trigger()).toThrow(withCode('ERR_VFIO_LOST'));
    set.close();
    expect(() => device.enableInterrupts('msix')).toThrow(lost);
    await expect(device.reset()).rejects.toEqual(lost);
  });

  test('lets the device close, and nothing of it stays', async () => {
    await open();
    device.busMaster = true;
    device.enableInterrupts('msix', { count: 2 });
    device.allocDma(4096);
    hardware.lose();
    await until(() => heard.length > 0);
    await device.close();
    expect(heard).toEqual(['lost', 'close']);
    expectNothingOpen(machine, address);
  });

  test('is a bus error for who reads before it was told', async () => {
    await open();
    device.bar(0);
    hardware.lose();
    for (const bar of [0, 1]) {
      expect(() => device.bar(bar).read32(0)).toThrow(withCode('ERR_VFIO_BUS'));
    }
  });
});

describe('several at once', () => {
  test('are told as one device would: lost, fault, request', async () => {
    await open({ requestGrace: 1000 });
    hardware.notify({ requested: true, fault: true });
    hardware.lose();
    await until(() => heard.length === 3);
    expect(heard).toEqual(['lost', 'fault', 'request']);
  });
});

describe('close', () => {
  test('is told when the kernel has the device back', async () => {
    await open();
    hardware.closing.hold();
    const closing = device.close();
    hardware.closing.awaitArrival();
    await turn();
    expect(heard).toEqual([]);
    hardware.closing.release();
    await closing;
    expect(heard).toEqual(['close']);
    expectNothingOpen(machine, address);
  });

  test('is the last event', async () => {
    await open();
    hardware.notify({ fault: true });
    await device.close();
    hardware.notify({ requested: true, fault: true });
    hardware.lose();
    await sleep(2);
    expect(heard.filter((name) => name !== 'fault')).toEqual(['close']);
    expect(heard.at(-1)).toBe('close');
  });
});
