// SPDX-License-Identifier: MIT
// INTx of two devices on one line: they share it if each can be masked on its own, otherwise it is refused.
import { readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { afterEach, expect, test } from '@jest/globals';
import { bindDevice, openDevice } from '../../lib/index.js';
import { pair } from '../../vm/devices.js';
import { Edu } from '../support/edu.js';
import { expectKernelLog } from '../support/kernel-log.js';
import { testIf } from '../support/skips.js';
import { describeOn } from '../support/subject.js';
import { sysfs } from '../support/sysfs.js';

const [first, second] = pair;

/** Sets whether vfio-pci treats the devices that it binds from now on as unable to mask INTx. */
function setNoIntxMask(on: boolean): void {
  writeFileSync('/sys/module/vfio_pci/parameters/nointxmask', on ? 'Y' : 'N');
}

describeOn({ backend: 'type1', device: 'edu' }, 'INTx of two devices on one line', () => {
  const testRefused = testIf(
    !/^6\.(1|12)\./.test(release()),
    'Linux 6.1 and 6.12 read nointxmask only when they load vfio-pci',
  );

  afterEach(() => setNoIntxMask(false));

  test('arrives from each', async () => {
    await using _first = await bindDevice(first.address);
    await using _second = await bindDevice(second.address);
    await using one = await openDevice(first.address);
    await using other = await openDevice(second.address, { container: one.container });
    using set = one.enableInterrupts('intx');
    using others = other.enableInterrupts('intx');
    for (const [device, armed] of [
      [one, set],
      [other, others],
    ] as const) {
      const edu = new Edu(device);
      const raised = armed.vector(0).once({ timeout: 5000 });
      edu.raise(1);
      await raised;
      edu.acknowledge();
      armed.vector(0).unmask();
    }
  });

  testRefused(
    'is refused where they cannot mask it: the error names the line and who uses it',
    async () => {
      expectKernelLog(/Flags mismatch irq/, { optional: true });
      setNoIntxMask(true);
      await using _first = await bindDevice(first.address);
      await using _second = await bindDevice(second.address);
      await using one = await openDevice(first.address);
      await using other = await openDevice(second.address, { container: one.container });
      const line = Number(readFileSync(sysfs(second, 'irq'), 'utf8'));
      const armed = one.enableInterrupts('intx');
      const refused = expect.objectContaining({
        code: 'EBUSY',
        request: 'VFIO_DEVICE_SET_IRQS',
        address: second.address,
        message: expect.stringContaining(`The interrupt line of ${second.address}, IRQ ${line},`),
        hint: expect.stringMatching(
          new RegExp(`IRQ ${line} is in use by .*${first.address}.*nointxmask is on`, 's'),
        ),
      });
      expect(() => other.enableInterrupts('intx')).toThrow(refused);
      armed.close();
      other.enableInterrupts('intx').close();
    },
  );
});
