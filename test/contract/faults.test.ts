// SPDX-License-Identifier: MIT
// Every system call and every step of the kernel fails once, at every place: the right error, and nothing is
// left behind. The steps of type1 containers have tests of their own in test/native.
import { constants } from 'node:os';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Container, type Device, openDevice } from '../../lib/index.js';
import { type Stage, syscalls, useMachine } from '../support/testing.js';
import { expectFootprint, expectNothingOpen, startingFootprint, withCode } from './support.js';

const address = '0000:0e:00.0';
const mate = '0000:0e:00.1';
const bars = [{ size: 0x1000 }, { size: 0x2000 }];
const machine = useMachine({ address, group: 140, bars, msix: 8 }, { address: mate, group: 140 });
const hardware = machine.device(address);
const { EMFILE, ENOMEM, EIO, EBUSY, ENODEV } = constants.errno;

afterEach(() => {
  syscalls().reset();
  expectNothingOpen(machine, address, mate);
});

/** What a program does with a device, in steps. */
const steps: Record<string, (device: Device) => unknown> = {
  'a BAR is mapped': (device) => device.bar(1).read32(0),
  'interrupts are armed': (device) => {
    device.busMaster = true;
    device.enableInterrupts('msix', { count: 8 });
  },
  'a page is mapped for DMA': (device) => device.allocDma(4096),
  'huge pages are mapped for DMA': (device) => device.allocDma(2 ** 21),
  'memory is looked at': (device) => device.allocDma(4096).u8.fill(1),
  'the device is reset': (device) => device.reset(),
  'the device is closed': (device) => {
    device.bar(0);
    device.allocDma(4096);
    return device.close();
  },
};

describe.each([
  ['EMFILE', EMFILE],
  ['ENOMEM', ENOMEM],
])('F22/ when the n-th system call fails with %s', (code, errno) => {
  test('while a device is opened, nothing of it stays', async () => {
    const before = await startingFootprint();
    for (let nth = 1; ; nth++) {
      syscalls().fail(nth, errno);
      const opening = openDevice(address);
      if (!(await fails(opening, code))) await (await opening).close();
      if (!syscalls().failed()) break;
      expectNothingOpen(machine, address, mate);
    }
    await expectFootprint(before);
  });

  test.each(Object.entries(steps))(
    'while %s, it is that error or none, and the device works on',
    async (_, step) => {
      const before = await startingFootprint();
      for (let nth = 1; ; nth++) {
        const device = await openDevice(address);
        syscalls().fail(nth, errno);
        await fails((async () => step(device))(), code);
        const failed = syscalls().failed();
        syscalls().reset();
        if (!device.closed) {
          expect(device.config.vendorId).toBe(0x1234);
          device.bar(0).write32(0, nth);
          expect(device.bar(0).read32(0)).toBe(nth);
          device.allocDma(4096);
        }
        await device.close();
        expectNothingOpen(machine, address, mate);
        if (!failed) break;
      }
      await expectFootprint(before);
    },
  );
});

/** Whether it rejects; if so, with that code and as an error of ours. */
async function fails(work: Promise<unknown>, code: string): Promise<boolean> {
  try {
    await work;
    return false;
  } catch (failure) {
    expect(failure).toEqual(withCode(code, { name: 'VfioError', syscall: expect.any(String) }));
    return true;
  }
}

describe('F22/ when the kernel', () => {
  let container: Container;

  beforeEach(async () => {
    container = await Container.open();
  });
  afterEach(() => container.close());

  /** Does it once with the step failing, and once more without. */
  async function twice(stage: Stage, errno: number, work: () => unknown, code: string) {
    stage.failNext(errno);
    await expect((async () => work())()).rejects.toEqual(withCode(code));
    return work();
  }

  test.each([
    ['EIO', EIO],
    ['EBUSY', EBUSY],
    ['ENODEV', ENODEV],
    ['ENOMEM', ENOMEM],
  ])(
    'does not open the device (%s), the next open finds everything as it was',
    async (code, errno) => {
      const before = await startingFootprint();
      hardware.opening.failNext(errno);
      await expect(openDevice(address)).rejects.toEqual(withCode(code, { address }));
      expectOnlyContainer();
      await expectFootprint(before);
      const open = () => container.openDevice(address);
      await twice(hardware.opening, errno, open, code);
      expect(container.devices).toHaveLength(1);
    },
  );

  test('does not open the device, a group that is held stays held', async () => {
    const group = await container.openGroup(140);
    const buffer = container.allocDma(4096);
    await twice(hardware.opening, EIO, () => group.openDevice(address), 'EIO');
    expect(machine.mappings(140).map(({ iova }) => iova)).toEqual([buffer.iova]);
    await group.close();
  });

  test('does not open a second device, the first one works on', async () => {
    const device = await container.openDevice(address);
    const buffer = container.allocDma(4096);
    await twice(machine.device(mate).opening, EIO, () => container.openDevice(mate), 'EIO');
    expect(container.devices).toHaveLength(2);
    device.busMaster = true;
    expect(hardware.dmaRead(buffer.iova, 1)).toEqual(Buffer.of(0));
  });

  test('does not map, the buffer before and the buffer after are whole', async () => {
    const device = await container.openDevice(address);
    const first = container.allocDma(4096);
    await twice(machine.mapping, ENOMEM, () => container.allocDma(4096), 'ENOMEM');
    expect(machine.mappings(140)).toHaveLength(2);
    device.busMaster = true;
    expect(hardware.dmaWrite(first.iova, Uint8Array.of(5))).toBe(true);
    expect(first.u8[0]).toBe(5);
  });

  test('does not unmap on the way out, the close goes on and the device is free', async () => {
    const device = await container.openDevice(address);
    const buffers = [1, 2, 3].map(() => container.allocDma(4096));
    machine.unmapping.failNext(EIO);
    expect(() => buffers[1]?.close()).toThrow(withCode('EIO'));
    await device.close();
    await container.close();
    await (await openDevice(address)).close();
  });

  test('does not reset, the second attempt does', async () => {
    const device = await container.openDevice(address);
    await twice(hardware.resetting, EIO, () => device.reset(), 'EIO');
    expect(device.bar(0).read32(0)).toBe(0);
  });

  function expectOnlyContainer(): void {
    expect(machine.counts()).toMatchObject({ containers: 1, groups: 0 });
    expect(hardware.counts()).toMatchObject({ functions: 0, eventfds: 0 });
  }
});

test('F22/ the footprint does not grow with every open that fails', async () => {
  const before = await startingFootprint();
  for (let i = 0; i < 50; i++) {
    hardware.opening.failNext(EIO);
    await expect(openDevice(address)).rejects.toEqual(withCode('EIO'));
  }
  await expectFootprint(before);
});
