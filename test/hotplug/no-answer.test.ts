// SPDX-License-Identifier: MIT
// Calls that take the kernel long: it waits up to a minute for a device that does not answer. Here, the power of the
// slot returns before that. `npm run soak` waits for the whole minute.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type Binding, bindDevice, type Device, openDevice } from '../../lib/index.js';
import { nvme, rootPort } from '../../vm/devices.js';
import { LAG_LIMIT_MS, measureLag } from '../support/lag.js';
import { openDescriptors } from '../support/own-process.js';
import { Peer } from '../support/peer.js';
import { removed } from '../support/removal.js';
import { SlotPower } from '../support/slot-power.js';
import { untilStuckInKernel } from '../support/stuck.js';
import { describeOn } from '../support/subject.js';
import { nvmeDisk } from '../support/sysfs.js';
import { until } from '../support/until.js';

/** How long there is no power. The kernel doubles the time between its checks. */
const OUTAGE_MS = 1000;
/** The limit for a prompt end. The kernel itself would wait a minute. */
const PROMPTLY_MS = 30_000;

describeOn({ backend: 'type1', device: 'nvme' }, 'F20/ a device that does not answer', () => {
  let slot: SlotPower;
  let binding: Binding;

  beforeEach(async () => {
    binding = await bindDevice(nvme.address);
    slot = new SlotPower(rootPort);
    await slot.off();
  });
  afterEach(async () => {
    await slot.on();
    // The device has lost its BARs, and the kernel does not know.
    await removed.take(nvme);
    binding = await removed.bringBack(nvme, binding);
    await binding.restore();
    await nvmeDisk();
  });

  /** Opens the device while it has no power. The power returns some time after the kernel began to wait. */
  async function openSlowly(signal?: AbortSignal): Promise<Device> {
    const opening = openDevice(nvme.address, { signal });
    let settled = false;
    const settle = () => {
      settled = true;
    };
    opening.then(settle, settle);
    await untilStuckInKernel(process.pid);
    await sleep(OUTAGE_MS);
    expect(settled).toBe(false);
    await slot.on();
    return opening;
  }

  test('is waited for off the event loop', async () => {
    const { result: device, lag } = await measureLag(() => openSlowly());
    expect(lag).toBeLessThan(LAG_LIMIT_MS);
    const closing = await measureLag(() => device.close());
    expect(closing.lag).toBeLessThan(LAG_LIMIT_MS);
  });

  test('can be given up at once, and leaves nothing when it answers', async () => {
    const before = openDescriptors().length;
    const abort = new AbortController();
    const opening = openDevice(nvme.address, { signal: abort.signal });
    await untilStuckInKernel(process.pid);
    const reason = new Error('not wanted');
    abort.abort(reason);
    await expect(opening).rejects.toBe(reason);
    await untilStuckInKernel(process.pid);
    await slot.on();
    await until(
      () => openDescriptors().length <= before,
      'the abandoned open is closed',
      PROMPTLY_MS,
    );
  });

  test('keeps a process that exits no longer than the kernel does', async () => {
    await using peer = new Peer();
    // The peer answers once it has started, for which it reads some files.
    await peer.call('freeDma');
    const opening = peer.call('openDevice', nvme.address);
    opening.catch(() => {});
    await untilStuckInKernel(peer.pid, PROMPTLY_MS);
    await peer.call('exit');
    await slot.on();
    const answered = performance.now();
    expect(await peer.ended).toBe(0);
    expect(performance.now() - answered).toBeLessThan(PROMPTLY_MS);
  });
});
