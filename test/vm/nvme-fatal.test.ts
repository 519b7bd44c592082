// SPDX-License-Identifier: MIT
// An NVMe controller that fails, and one whose disk stalls: every command ends, and the controller works again.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Controller } from '../../lib/nvme/controller.js';
import type { Device, DmaBuffer } from '../../lib/index.js';
import { nvme } from '../../vm/devices.js';
import { throttle } from '../../vm/host.js';
import { useDevice } from '../support/bound.js';
import { expectKernelLog } from '../support/kernel-log.js';
import { describeOn } from '../support/subject.js';
import { until } from '../support/until.js';

const READS = 6;
/** Failing commands take this long, in milliseconds. Working commands must be faster, also on a busy computer. */
const commandTimeout = 2000;

describeOn({ backend: 'type1', device: 'nvme' }, 'F7/ an NVMe controller', () => {
  const held = useDevice(nvme);
  let device: Device;
  let memory: DmaBuffer;

  beforeAll(() => {
    ({ device } = held);
    memory = device.allocDma(READS * 4096);
  });
  afterAll(() => throttle(nvme.id, {}));

  /** Starts reads. Returns their error codes; undefined for those that succeed. */
  async function read(controller: Controller): Promise<(string | undefined)[]> {
    const reads = Array.from({ length: READS }, (_, i) =>
      controller.namespace().read(i, memory, i * 4096, 4096),
    );
    const outcomes = await Promise.allSettled(reads);
    return outcomes.map((each) => (each.status === 'rejected' ? each.reason.code : undefined));
  }

  async function expectWorking(): Promise<void> {
    await using controller = await Controller.open(device);
    expect(await read(controller)).toEqual(Array(READS).fill(undefined));
  }

  test('that reports a fatal status ends its commands, and works after a reset', async () => {
    expectKernelLog(/DMAR: \[DMA Write.* Request device \[(0000:)?01:00\.0\]/);
    expectKernelLog(/DMAR: DRHD: handling fault status/, { optional: true });
    const controller = await Controller.open(device, { commandTimeout });
    const { registers } = controller;
    // Without this memory, the controller cannot report completions.
    (controller.io.queue.cq as DmaBuffer).close();
    const codes = read(controller);
    await until(() => registers.CSTS.CFS === 1, 'the controller reports a fatal status');
    expect(await codes).toEqual(Array(READS).fill('ERR_NVME_TIMEOUT'));
    await controller.close();
    await device.reset();
    await expectWorking();
  });

  test('whose disk stands still ends its commands, and works on after its own reset', async () => {
    await using controller = await Controller.open(device, { commandTimeout });
    await throttle(nvme.id, { operationsPerSecond: 1 });
    const codes = await read(controller);
    expect(codes).toContain('ERR_NVME_TIMEOUT');
    await throttle(nvme.id, {});
    await controller.reset();
    expect(await read(controller)).toEqual(Array(READS).fill(undefined));
  });
});
