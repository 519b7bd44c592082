// SPDX-License-Identifier: MIT
// Devices that are taken away while a program has them open and they work. Pending operations end, the device is closed
// in time, and when it is back it can be opened.
import { once } from 'node:events';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { Controller } from '../../lib/nvme/controller.js';
import { type Binding, bindDevice, type Device, openDevice } from '../../lib/index.js';
import { edu, nvme, type VmDevice } from '../../vm/devices.js';
import { throttle } from '../../vm/host.js';
import { Edu, eduIdentification } from '../support/edu.js';
import { expectKernelLog } from '../support/kernel-log.js';
import { type Removal, removed, unbound, writeSlowly } from '../support/removal.js';
import { describeOn } from '../support/subject.js';
import { nvmeDisk } from '../support/sysfs.js';
import { until } from '../support/until.js';

/** A hang guard. The kernel requests the device within 1 s; the button of a slot takes another 5 s. */
const REQUEST_LIMIT_MS = 20_000;
const READS = 8;

const warned = [
  expect.stringContaining('wants'),
  expect.objectContaining({ code: 'VFIO_REQUEST' }),
];

let binding: Binding;
let warnings: unknown[][];

/** Records the warnings of each test of this group. */
function useWarnings(): void {
  beforeEach(() => {
    warnings = [];
    jest.spyOn(process, 'emitWarning').mockImplementation((...args: unknown[]) => {
      warnings.push(args);
    });
  });
  afterEach(() => void jest.restoreAllMocks());
}

function requestOf(device: Device): Promise<unknown> {
  return once(device, 'request', { signal: AbortSignal.timeout(REQUEST_LIMIT_MS) });
}

/** The error codes of the promises; undefined for those that succeed. */
async function codesOf(promises: Promise<unknown>[]): Promise<(string | undefined)[]> {
  const outcomes = await Promise.allSettled(promises);
  return outcomes.map((each) => (each.status === 'rejected' ? each.reason.code : undefined));
}

describeOn({ backend: 'type1', device: 'nvme' }, 'F3/ an NVMe controller', () => {
  useWarnings();

  beforeEach(async () => {
    binding = await bindDevice(nvme.address);
  });
  afterEach(async () => {
    await binding.restore();
    await nvmeDisk();
  });

  /** Takes the controller away, runs `work`, and brings the controller back even if `work` fails. */
  async function whileTaken(way: Removal, work: (gone: Promise<void>) => Promise<void>) {
    const gone = way.take(nvme);
    try {
      await work(gone);
    } finally {
      await gone;
      binding = await way.bringBack(nvme, binding);
    }
  }

  function startReads(controller: Controller): Promise<void>[] {
    const memory = controller.device.allocDma(READS * 4096);
    const namespace = controller.namespace();
    return Array.from({ length: READS }, (_, i) => namespace.read(i, memory, i * 4096, 4096));
  }

  async function expectWorking(): Promise<void> {
    await using device = await openDevice(nvme.address);
    await using controller = await Controller.open(device);
    using memory = device.allocDma(4096);
    await controller.namespace().read(0, memory);
  }

  // Unplugging is not tested here: QEMU crashes, or never releases the controller, if it was at work. For an idle one,
  // see unplug.test.ts.
  test.each([removed, unbound])(
    'that is $how with commands in flight is closed after the grace time',
    async (way) => {
      const device = await openDevice(nvme.address, { requestGrace: 200 });
      const controller = await Controller.open(device);
      // Without bus master, the controller can neither fetch a command nor answer.
      device.busMaster = false;
      const codes = codesOf(startReads(controller));
      const order: string[] = [];
      for (const name of ['request', 'lost', 'close'] as const) {
        device.on(name, () => order.push(name));
      }
      const requested = requestOf(device);
      await whileTaken(way, async (gone) => {
        await requested;
        expect(device.closed).toBe(false);
        expect(await codes).toEqual(Array(READS).fill('ERR_NVME_FATAL'));
        await controller.close();
        await gone;
        expect(order).toEqual(['request', 'close']);
      });
      expect(warnings).toEqual([]);
      await expectWorking();
    },
  );

  test('that is removed while nobody listens is closed at once, with a warning', async () => {
    const device = await openDevice(nvme.address);
    await whileTaken(removed, (gone) => gone);
    expect(device.closed).toBe(true);
    expect(warnings).toEqual([warned]);
    await expectWorking();
  });

  test('that is unbound while it reads is closed in order by a driver that listens', async () => {
    const device = await openDevice(nvme.address);
    const controller = await Controller.open(device);
    await throttle(nvme.id, { operationsPerSecond: 4 });
    const codes = codesOf(startReads(controller));
    device.on('request', async () => {
      await throttle(nvme.id, {});
      await controller.close();
      await device.close();
    });
    await whileTaken(unbound, (gone) => gone);
    // `controller.close()` waited for the reads.
    expect(await codes).toEqual(Array(READS).fill(undefined));
    await expectWorking();
  });

  test('that is asked for has no reset, and says what is going on', async () => {
    const device = await openDevice(nvme.address, { requestGrace: 5000 });
    const requested = requestOf(device);
    await whileTaken(unbound, async () => {
      await requested;
      // The kernel holds the lock that a reset needs.
      await expect(device.reset()).rejects.toMatchObject({
        code: 'EAGAIN',
        hint: expect.stringContaining('wants the device back'),
      });
      expect(device.bar(0).read32(0x08)).toBe(0x0001_0400);
      await device.close();
    });
    await expectWorking();
  });

  test('works on when the administrator loses patience, and goes when it is closed', async () => {
    expectKernelLog(/blocked until device is released/);
    const device = await openDevice(nvme.address);
    let requests = 0;
    device.on('request', () => requests++);
    const administrator = writeSlowly('/sys/bus/pci/drivers/vfio-pci/unbind', nvme.address);
    const gone = once(administrator, 'exit');
    await until(() => requests > 0, 'the kernel requests the device');
    administrator.kill('SIGINT');
    expect(device.bar(0).read32(0x08)).toBe(0x0001_0400);
    expect(administrator.exitCode).toBeNull();
    await device.close();
    await gone;
    expect(requests).toBe(1);
    await unbound.bringBack(nvme, binding);
    await expectWorking();
  });
});

describeOn({ backend: 'type1', device: 'edu' }, 'F3/ an edu', () => {
  useWarnings();

  beforeEach(async () => {
    binding = await bindDevice(edu.address);
  });
  afterEach(() => binding.restore());

  async function bringBack(way: Removal, which: VmDevice): Promise<void> {
    binding = await way.bringBack(which, binding);
    await using device = await openDevice(which.address);
    expect(new Edu(device).identification).toBe(eduIdentification);
  }

  test.each([removed, unbound])(
    'that is $how while it writes to memory ends every wait',
    async (way) => {
      const device = await openDevice(edu.address);
      device.busMaster = true;
      const memory = device.allocDma(4096);
      const set = device.enableInterrupts('msi');
      const wait = codesOf([set.vector(0).once()]);
      const iteration = set.vector(0)[Symbol.asyncIterator]().next();
      new Edu(device).startStore(memory.iova, 1024);
      await way.take(edu);
      expect(await wait).toEqual(['ERR_VFIO_CLOSED']);
      expect(await iteration).toEqual({ value: undefined, done: true });
      await device.close();
      expect([set.closed, memory.closed]).toEqual([true, true]);
      expect(warnings).toEqual([warned]);
      await bringBack(way, edu);
    },
  );
});
