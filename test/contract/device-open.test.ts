// SPDX-License-Identifier: MIT
// Opening devices: one, again, twice, two in a container, and abandoned opens.
import { describe, expect, test } from '@jest/globals';
import { describeContract } from '../support/back-ends.js';
import { Edu, eduIdentification } from '../support/edu.js';

describeContract({}, 'opening', (subject) => {
  const { edu, nvme, pair } = subject.devices;
  subject.useReady(edu, nvme, ...pair);

  describe('a device', () => {
    test('gives one that answers', async () => {
      await using device = await subject.openDevice(edu);
      expect(device.address).toBe(edu.address);
      expect(device.closed).toBe(false);
      expect(new Edu(device).identification).toBe(eduIdentification);
    });

    test('in a container that is given shares that one', async () => {
      await using container = await subject.openContainer();
      const device = await subject.openDevice(edu, { container });
      expect(device.container).toBe(container);
      await device.close();
      expect(container.closed).toBe(false);
      expect(container.devices).toEqual([]);
    });

    test('without one gives it a container of its own, which closes with it', async () => {
      const device = await subject.openDevice(edu);
      expect(device.container.devices).toEqual([device]);
      await device.close();
      expect(device.container.closed).toBe(true);
    });

    test('does not depend on what it was used for before', async () => {
      for (let round = 1; round <= 5; round++) {
        await using device = await subject.openDevice(nvme);
        expect(device.busMaster).toBe(false);
        // Controller Configuration is zero after the reset that an open includes.
        expect(device.bar(0).read32(0x14)).toBe(0);
        device.bar(0).write32(0x14, 0x0046_0000);
        expect(device.bar(0).read32(0x14)).toBe(0x0046_0000);
        device.busMaster = true;
        using _armed = device.enableInterrupts('msix', { count: 4 });
      }
    });

    test('keeps the state of a device that cannot be reset', async () => {
      const first = await subject.openDevice(edu);
      new Edu(first).invert(0x1234_5678);
      await first.close();
      await using second = await subject.openDevice(edu);
      expect(second.info.resettable).toBe(false);
      expect(second.bar(0).read32(0x04)).toBe(~0x1234_5678 >>> 0);
    });

    test('is refused while this process has it open', async () => {
      await using first = await subject.openDevice(edu);
      const busy = { code: 'ERR_VFIO_BUSY', address: edu.address };
      await expect(subject.openDevice(edu)).rejects.toMatchObject(busy);
      await expect(first.container.openDevice(edu.address)).rejects.toMatchObject(busy);
      await using other = await subject.openContainer();
      await expect(other.openDevice(edu.address)).rejects.toMatchObject(busy);
      expect(new Edu(first).invert(1)).toBe(0xffff_fffe);
    });

    test('at once from two sides succeeds for one of them', async () => {
      const opened = await Promise.allSettled([subject.openDevice(edu), subject.openDevice(edu)]);
      const outcomes = opened.map(({ status }) => status).sort();
      expect(outcomes).toEqual(['fulfilled', 'rejected']);
      for (const one of opened) {
        if (one.status === 'fulfilled') await one.value.close();
        else expect(one.reason).toMatchObject({ code: 'ERR_VFIO_BUSY' });
      }
    });

    test('can be abandoned; what arrives later is closed', async () => {
      const abandoned = new AbortController();
      const opening = subject.openDevice(nvme, { signal: abandoned.signal });
      abandoned.abort(new Error('no longer wanted'));
      await expect(opening).rejects.toThrow('no longer wanted');
      const container = await subject.openContainer();
      const late = container.openDevice(nvme.address, { signal: AbortSignal.timeout(1) });
      await expect(late).rejects.toBeDefined();
      // Waits for the open in progress, and closes its device.
      await container.close();
      await retryWhileBusy(async () => (await subject.openDevice(nvme)).close());
    });

    test('can be abandoned before it began', async () => {
      const reason = new Error('never wanted');
      const opening = subject.openDevice(edu, { signal: AbortSignal.abort(reason) });
      await expect(opening).rejects.toBe(reason);
    });
  });

  describe('both devices of a group', () => {
    test('gives two that do not disturb each other', async () => {
      await using container = await subject.openContainer();
      const devices = [];
      for (const { address } of pair) devices.push(await container.openDevice(address));
      const [first, second] = devices.map((device) => new Edu(device)) as [Edu, Edu];
      expect(first.invert(0x1111_1111)).toBe(0xeeee_eeee);
      expect(second.invert(0x2222_2222)).toBe(0xdddd_dddd);
      expect(devices[0]?.bar(0).read32(0x04)).toBe(0xeeee_eeee);
    });

    test('works in one turn', async () => {
      await using container = await subject.openContainer();
      const devices = await Promise.all(pair.map(({ address }) => container.openDevice(address)));
      for (const device of devices) expect(new Edu(device).identification).toBe(eduIdentification);
    });

    test('leaves the second open when the first is closed', async () => {
      await using container = await subject.openContainer();
      const first = await container.openDevice(pair[0].address);
      const second = await container.openDevice(pair[1].address);
      await first.close();
      expect(new Edu(second).invert(0)).toBe(0xffff_ffff);
      const again = await container.openDevice(pair[0].address);
      expect(new Edu(again).identification).toBe(eduIdentification);
    });
  });
});

/** Retries while the device is busy: the library closes an abandoned open in the background. */
async function retryWhileBusy(work: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await work();
    } catch (failure) {
      if ((failure as NodeJS.ErrnoException).code !== 'ERR_VFIO_BUSY') throw failure;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
