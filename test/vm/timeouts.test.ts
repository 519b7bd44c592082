// SPDX-License-Identifier: MIT
// Waits that end without result on real devices: what their errors say. The error of a program is not lost.
import { spawnSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { readInterruptState } from '../../lib/diagnose/interrupt-timeout.js';
import type { Device, InterruptType } from '../../lib/index.js';
import { edu, nvme } from '../../vm/devices.js';
import { useDevice } from '../support/bound.js';
import { Edu } from '../support/edu.js';
import { describeOn } from '../support/subject.js';
import { driverOf } from '../support/sysfs.js';

async function messageOf(work: Promise<unknown>): Promise<string> {
  const failure = await work.then(
    () => new Error('it ended in time'),
    (reason) => reason,
  );
  expect(failure).toMatchObject({ code: 'ERR_VFIO_TIMEOUT' });
  return failure.message;
}

async function timeoutOf(device: Device, type: InterruptType): Promise<string> {
  using set = device.enableInterrupts(type);
  return await messageOf(set.vector(0).once({ timeout: 20 }));
}

describeOn({ backend: 'type1', device: 'nvme' }, 'a timeout', () => {
  const held = useDevice(nvme);

  test('of MSI-X says what the device and vfio-pci show truly', async () => {
    held.device.busMaster = true;
    expect(await timeoutOf(held.device, 'msix')).toContain(
      `msix vector 0 of ${nvme.address} was not raised within 20 ms ` +
        '(0 interrupts so far, bus master on, MSI-X enabled, vector not masked, not pending)\n',
    );
  });

  test('of MSI-X says that bus master was turned off', async () => {
    held.device.busMaster = true;
    using set = held.device.enableInterrupts('msix');
    held.device.busMaster = false;
    const message = await messageOf(set.vector(0).once({ timeout: 20 }));
    expect(message).toContain('bus master off');
    expect(message).toContain('Set `busMaster = true` on the Device');
  });

  test('of MSI-X reads the vectors that are not armed as masked', () => {
    const { device } = held;
    device.busMaster = true;
    using _set = device.enableInterrupts('msix', { count: 2 });
    const registers = { config: device.config, region: (index: number) => device.region(index) };
    const masked = [0, 1, 2].map((n) => readInterruptState(registers, 'msix', n).vectorMasked);
    expect(masked).toEqual([false, false, true]);
  });

  test('of poll32() says what was read last', async () => {
    const message = await messageOf(
      held.device.bar(0).poll32(0x08, 0xffff_ffff, 1, { timeout: 5 }),
    );
    expect(message).toContain(
      `BAR0 of ${nvme.address} at 0x8 was not 0x1 under the mask 0xffffffff within 5 ms (it last read as 0x10400)`,
    );
  });
});

describeOn({ backend: 'type1', device: 'edu' }, 'a timeout', () => {
  const held = useDevice(edu);

  test('of MSI says nothing of the bits that are virtual', async () => {
    held.device.busMaster = true;
    expect(await timeoutOf(held.device, 'msi')).toContain('(0 interrupts so far, bus master on)\n');
  });

  test('of INTx says whether it is masked, and whether the line is raised', async () => {
    const device = new Edu(held.device);
    expect(await timeoutOf(held.device, 'intx')).toContain(
      'INTx not masked, line not raised, bus master',
    );
    using set = held.device.enableInterrupts('intx');
    const vector = set.vector(0);
    vector.mask();
    device.raise(1);
    expect(await messageOf(vector.once({ timeout: 20 }))).toContain(
      'INTx still masked, line raised, bus master',
    );
    device.acknowledge();
  });

  test('is asked of a device that has the interrupts', () => {
    expect(() => held.device.enableInterrupts('msix')).toThrow(
      `${edu.address} has no msix interrupts: it has intx (1 vector), msi (1 vector)`,
    );
  });
});

/** What TypeScript makes of a program with "await using". */
const program = `
  import { bindDevice, openDevice } from 'vfio';
  const start = () => { throw new Error('of the program'); };
  const binding = await bindDevice('${edu.address}');
  try {
    const device = await openDevice('${edu.address}', { addressBits: 28 });
    try {
      device.busMaster = true;
      const interrupts = device.enableInterrupts('msi');
      try {
        const raised = interrupts.vector(0).once({ timeout: 60_000 });
        start();
        await raised;
      } finally {
        interrupts.close();
      }
    } finally {
      await device.close();
    }
  } finally {
    await binding.restore();
  }
`;

describeOn({ backend: 'type1', device: 'edu' }, 'a timeout that nothing awaits yet', () => {
  test('does not hide the error of the program, and the device is bound back', () => {
    const before = driverOf(edu);
    const node = ['--input-type=module', '--eval', program];
    const { status, stderr } = spawnSync(process.execPath, node, { encoding: 'utf8' });
    expect(stderr).toContain('Error: of the program');
    expect(stderr).not.toContain('ERR_VFIO_CLOSED');
    expect([status, driverOf(edu)]).toEqual([1, before]);
  });
});
