// SPDX-License-Identifier: MIT
// bindDevice() on the real sysfs: to vfio-pci and back, and when it must not.
import { spawnSync } from 'node:child_process';
import { constants, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from '@jest/globals';
import { bindDevice, openDevice } from '../../lib/index.js';
import { blocked, edu, nvme, pair, type VmDevice } from '../../vm/devices.js';
import { driverOf, groupNode, nvmeDisk, sysfs, until } from '../support/bound.js';
import { Holder } from '../support/holder.js';
import { testIf } from '../support/skips.js';
import { describeOn } from '../support/subject.js';

function overrideOf(device: VmDevice): string {
  return readFileSync(sysfs(device, 'driver_override'), 'utf8').trim();
}

/** Runs a program of the system to its end. */
function run(program: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr}`);
}

describeOn({ backend: 'type1' }, 'binding', () => {
  describe('a device that its kernel driver has', () => {
    test('takes it and gives it back', async () => {
      await nvmeDisk();
      const binding = await bindDevice(nvme.address);
      expect(binding.address).toBe(nvme.address);
      expect(binding.previousDriver).toBe('nvme');
      expect(driverOf(nvme)).toBe('vfio-pci');
      expect(existsSync(groupNode(nvme))).toBe(true);
      const device = await openDevice(nvme.address);
      await device.close();
      await binding.restore();
      expect(driverOf(nvme)).toBe('nvme');
      expect(overrideOf(nvme)).toBe('(null)');
    });

    test('takes its disk away and brings it back, with what was on it', async () => {
      const disk = await nvmeDisk();
      writeFileSync(disk, 'what was on it');
      const binding = await bindDevice(nvme.address);
      expect(existsSync(disk)).toBe(false);
      await binding.restore();
      const again = await nvmeDisk();
      const { stdout } = spawnSync('head', ['-c', '14', again], { encoding: 'utf8' });
      expect(stdout).toBe('what was on it');
    });

    test('says what it did, as lines for a shell', async () => {
      await nvmeDisk();
      await using binding = await bindDevice(nvme.address);
      expect(binding.steps).toEqual([
        `echo vfio-pci > /sys/bus/pci/devices/${nvme.address}/driver_override`,
        `echo ${nvme.address} > /sys/bus/pci/drivers/nvme/unbind`,
        `echo ${nvme.address} > /sys/bus/pci/drivers_probe`,
      ]);
    });

    test('only says what it would do when asked to', async () => {
      await nvmeDisk();
      const binding = await bindDevice(nvme.address, { dryRun: true });
      expect(binding.steps.length).toBe(3);
      expect(driverOf(nvme)).toBe('nvme');
      expect(overrideOf(nvme)).toBe('(null)');
      expect(existsSync(await nvmeDisk())).toBe(true);
      await binding.restore();
      expect(driverOf(nvme)).toBe('nvme');
    });

    test('by its short address gives its full one', async () => {
      const binding = await bindDevice('01:00.0', { dryRun: true });
      expect(binding.address).toBe(nvme.address);
    });
  });

  describe('a device that no driver has', () => {
    test('takes it, and leaves it without a driver after', async () => {
      expect(driverOf(edu)).toBeUndefined();
      const binding = await bindDevice(edu.address);
      expect(binding.previousDriver).toBeUndefined();
      expect(binding.steps.length).toBe(2);
      expect(driverOf(edu)).toBe('vfio-pci');
      await binding.restore();
      expect(driverOf(edu)).toBeUndefined();
      expect(overrideOf(edu)).toBe('(null)');
      // Nothing takes it when the kernel looks again.
      writeFileSync('/sys/bus/pci/drivers_probe', edu.address);
      expect(driverOf(edu)).toBeUndefined();
    });

    test('keeps an override that was there', async () => {
      writeFileSync(sysfs(edu, 'driver_override'), 'none-such');
      try {
        const binding = await bindDevice(edu.address);
        expect(overrideOf(edu)).toBe('vfio-pci');
        await binding.restore();
        expect(overrideOf(edu)).toBe('none-such');
      } finally {
        writeFileSync(sysfs(edu, 'driver_override'), '\n');
      }
    });
  });

  test('a device that is bound already does nothing, and neither does giving it back', async () => {
    await using first = await bindDevice(edu.address);
    const second = await bindDevice(edu.address);
    expect(second.previousDriver).toBe('vfio-pci');
    expect(second.steps).toEqual([]);
    await second.restore();
    expect(driverOf(edu)).toBe('vfio-pci');
    expect(first.previousDriver).toBeUndefined();
  });

  test('both devices of a group makes it one that opens', async () => {
    await using _first = await bindDevice(pair[0].address);
    await using _second = await bindDevice(pair[1].address);
    for (const { address } of pair) await (await openDevice(address)).close();
  });

  test('a network device takes its interface away and brings it back', async () => {
    const { neighbour } = blocked;
    expect(existsSync(sysfs(neighbour, 'net'))).toBe(true);
    const binding = await bindDevice(neighbour.address);
    expect(binding.previousDriver).toBe('e1000e');
    expect(existsSync(sysfs(neighbour, 'net'))).toBe(false);
    await binding.restore();
    expect(driverOf(neighbour)).toBe('e1000e');
    await until(() => existsSync(sysfs(neighbour, 'net')), 'the interface is back');
  });

  test('gives back once, however often it is asked', async () => {
    const binding = await bindDevice(edu.address);
    const restored = binding.restore();
    expect(binding.restore()).toBe(restored);
    await restored;
    await binding[Symbol.asyncDispose]();
    expect(driverOf(edu)).toBeUndefined();
  });

  test('leaves a device alone that someone else bound meanwhile', async () => {
    await nvmeDisk();
    writeFileSync('/sys/bus/pci/drivers/nvme/unbind', nvme.address);
    const binding = await bindDevice(nvme.address);
    expect(binding.previousDriver).toBeUndefined();
    writeFileSync('/sys/bus/pci/drivers/vfio-pci/unbind', nvme.address);
    writeFileSync(sysfs(nvme, 'driver_override'), '\n');
    writeFileSync('/sys/bus/pci/drivers/nvme/bind', nvme.address);
    await expect(binding.restore()).rejects.toMatchObject({
      code: 'ERR_VFIO_BUSY',
      message: expect.stringContaining('bound to nvme now'),
    });
    expect(driverOf(nvme)).toBe('nvme');
  });

  describe('a device with a disk in use is refused', () => {
    const directory = '/tmp/vfio-mounted';
    let undo: (() => void)[] = [];
    afterEach(() => {
      for (const step of undo.reverse()) step();
      undo = [];
    });

    async function expectRefusal(use: string): Promise<void> {
      for (const dryRun of [true, false]) {
        await expect(bindDevice(nvme.address, { dryRun })).rejects.toMatchObject({
          code: 'ERR_VFIO_BUSY',
          address: nvme.address,
          message: expect.stringContaining(use),
        });
      }
      expect(driverOf(nvme)).toBe('nvme');
      expect(overrideOf(nvme)).toBe('(null)');
    }

    test('while it is mounted', async () => {
      const disk = await nvmeDisk();
      run('mkfs.ext4', '-q', '-F', '-O', '^has_journal', disk, '16M');
      mkdirSync(directory, { recursive: true });
      undo.push(() => rmdirSync(directory));
      run('mount', '-t', 'ext4', disk, directory);
      undo.push(() => run('umount', directory));
      writeFileSync(`${directory}/file`, 'kept');
      await expectRefusal(`nvme0n1 is mounted on ${directory}`);
      expect(readFileSync(`${directory}/file`, 'utf8')).toBe('kept');
    });

    testIf(existsSync('/proc/swaps'), 'the kernel has no swap space')(
      'while it is swap space',
      async () => {
        const disk = await nvmeDisk();
        run('mkswap', '-q', disk);
        run('swapon', disk);
        undo.push(() => run('swapoff', disk));
        await expectRefusal('nvme0n1 is swap space');
      },
    );

    test('while another process claims it', async () => {
      const disk = await nvmeDisk();
      await using holder = await Holder.of(disk, constants.O_RDONLY | constants.O_EXCL);
      await expectRefusal('nvme0n1 is claimed');
      await holder.release();
      const binding = await bindDevice(nvme.address, { dryRun: true });
      expect(binding.steps.length).toBe(3);
    });
  });

  describe('is refused', () => {
    test.each(['0000:05:00.0', '0000:00:1e.7'])('where there is no device: %s', async (address) => {
      await expect(bindDevice(address)).rejects.toMatchObject({ code: 'ENODEV', address });
    });

    test.each(['../../etc', '', '01:00', '0000:01:00.0\n'])(
      'by what is no address: %j',
      (address) => expect(bindDevice(address)).rejects.toMatchObject({ code: 'ERR_VFIO_ADDRESS' }),
    );
  });
});
