// SPDX-License-Identifier: MIT
// bindDevice() on the real sysfs: it binds to vfio-pci and back, and refuses what it must not bind.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { bindDevice, openDevice } from '../../lib/index.js';
import { blocked, edu, nvme, pair, rootPort, type VmDevice } from '../../vm/devices.js';
import { groupNode } from '../support/bound.js';
import { Holder } from '../support/holder.js';
import { testIf } from '../support/skips.js';
import { describeOn } from '../support/subject.js';
import { driverOf, nvmeDisk, overrideOf, sysfs } from '../support/sysfs.js';
import { until } from '../support/until.js';

/** Runs a program of the system until it ends. */
function run(program: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr}`);
}

/** Expects that bindDevice refuses a device, with and without `dryRun`, and leaves it unchanged. */
async function expectRefused(device: VmDevice, code: string, why: string): Promise<void> {
  for (const dryRun of [true, false]) {
    await expect(bindDevice(device.address, { dryRun })).rejects.toMatchObject({
      code,
      address: device.address,
      message: expect.stringContaining(why),
    });
  }
  expect([driverOf(device), overrideOf(device)]).toEqual([device.driver, '(null)']);
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
      // No driver binds it when the kernel probes again.
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
    await until(() => existsSync(sysfs(neighbour, 'net')), 'the network interface is back');
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
      message: expect.stringContaining('has bound it to nvme'),
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

    const expectRefusal = (use: string) => expectRefused(nvme, 'ERR_VFIO_BUSY', use);

    test('while it is mounted', async () => {
      const disk = await nvmeDisk();
      run('mkfs.ext4', '-q', '-F', '-O', '^has_journal', disk, '16M');
      mkdirSync(directory, { recursive: true });
      undo.push(() => rmdirSync(directory));
      run('mount', '-t', 'ext4', disk, directory);
      undo.push(() => run('umount', directory));
      writeFileSync(`${directory}/file`, 'kept');
      await expectRefusal(`${basename(disk)} is mounted on ${directory}`);
      expect(readFileSync(`${directory}/file`, 'utf8')).toBe('kept');
    });

    testIf(existsSync('/proc/swaps'), 'this kernel has no swap support')(
      'while it is swap space',
      async () => {
        const disk = await nvmeDisk();
        run('mkswap', '-q', disk);
        run('swapon', disk);
        undo.push(() => run('swapoff', disk));
        await expectRefusal(`${basename(disk)} is swap space`);
      },
    );

    // The node's name comes from the disk, because the kernel numbers controllers in the order in which they answer.
    test.each<[string, (disk: string) => string]>([
      ['its disk', (disk) => disk],
      ['its generic node', (disk) => disk.replace('nvme', 'ng')],
      ['its controller', (disk) => disk.replace(/n\d+$/, '')],
    ])('while a process has %s open raw', async (_, nodeOf) => {
      const name = nodeOf(basename(await nvmeDisk()));
      await using holder = await Holder.of(`/dev/${name}`, constants.O_RDONLY);
      await expectRefusal(`${name} is open in process ${holder.pid} (node)`);
      await holder.release();
      const binding = await bindDevice(nvme.address, { dryRun: true });
      expect(binding.steps.length).toBe(3);
    });

    test('while a process has a node of another name open', async () => {
      const name = basename(await nvmeDisk());
      const [major, minor] = readFileSync(`/sys/block/${name}/dev`, 'utf8').trim().split(':');
      run('mknod', '/dev/same-disk', 'b', major as string, minor as string);
      undo.push(() => rmSync('/dev/same-disk'));
      await using holder = await Holder.of('/dev/same-disk', constants.O_RDONLY);
      await expectRefusal(`${name} is open in process ${holder.pid} (node)`);
    });

    test('while it is mounted in another mount namespace', async () => {
      const disk = await nvmeDisk();
      run('mkfs.ext4', '-q', '-F', '-O', '^has_journal', disk, '16M');
      mkdirSync(directory, { recursive: true });
      undo.push(() => rmdirSync(directory));
      const script = `mount -t ext4 ${disk} ${directory} && echo mounted && exec sleep 600`;
      const child = spawn('unshare', ['--mount', 'sh', '-c', script]);
      const ended = once(child, 'close');
      await once(child.stdout, 'data');
      await expectRefusal(`${basename(disk)} is claimed (`);
      child.kill();
      await ended;
    });
  });

  describe('a bridge is refused, and keeps its driver', () => {
    test('because vfio-pci would not take it', async () => {
      await expectRefused(rootPort, 'ERR_VFIO_UNSUPPORTED', `${rootPort.address} is a bridge`);
    });
  });

  describe('a network device is refused', () => {
    const { neighbour } = blocked;

    test('while its interface has the default route', async () => {
      const [name] = readdirSync(sysfs(neighbour, 'net')) as [string];
      run('ip', 'address', 'add', '192.0.2.2/24', 'dev', name);
      run('ip', 'link', 'set', name, 'up');
      try {
        run('ip', 'route', 'add', 'default', 'via', '192.0.2.1', 'dev', name);
        await expectRefused(neighbour, 'ERR_VFIO_BUSY', `of this machine: ${name}`);
      } finally {
        run('ip', 'link', 'set', name, 'down');
        run('ip', 'address', 'flush', 'dev', name);
      }
      const binding = await bindDevice(neighbour.address, { dryRun: true });
      expect(binding.previousDriver).toBe('e1000e');
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
