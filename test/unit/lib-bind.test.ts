// SPDX-License-Identifier: MIT
// bindDevice on a fake sysfs, with a stand-in for the kernel that acts on the writes.
import { rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { type Binding, bindAt, bindDevice } from '../../lib/bind.js';
import { releaseAt } from '../../lib/release.js';
import { catchWarnings, rejectionOf } from './lib-fake-native.js';
import { bind, FakeSysfs, probe, unbind } from './lib-fake-sysfs.js';
import { FakeTree } from './lib-fake-tree.js';

const address = '0000:01:00.0';
const override = `/sys/bus/pci/devices/${address}/driver_override`;

let tree: FakeTree;
let kernel: FakeSysfs;

beforeEach(() => {
  tree = new FakeTree();
  tree.driver('vfio-pci');
  tree.pci(address, { driver: 'nvme', group: 12 });
  kernel = new FakeSysfs(tree, address);
});

afterEach(() => {
  jest.restoreAllMocks();
  tree[Symbol.dispose]();
});

/** Makes the write with this number fail. */
function failAt(number: number, code: string, errno: number): void {
  kernel.before.set(number, () => {
    throw Object.assign(new Error(code), { code, errno, syscall: 'write' });
  });
}

describe('binding', () => {
  test('takes the device from its driver, and gives it back', async () => {
    const binding = await bindAt(kernel, address, false);
    expect(kernel.driver).toBe('vfio-pci');
    expect(binding.previousDriver).toBe('nvme');
    expect(binding.steps).toEqual([
      `echo vfio-pci > ${override}`,
      `echo ${address} > ${unbind('nvme')}`,
      `echo ${address} > ${probe}`,
    ]);
    expect(kernel.writes.map((write) => `echo ${write}`)).toEqual(binding.steps);
    kernel.writes.length = 0;
    await binding.restore();
    expect(kernel.writes).toEqual([
      ` > ${override}`,
      `${address} > ${unbind('vfio-pci')}`,
      `${address} > ${bind('nvme')}`,
    ]);
    expect([kernel.driver, kernel.override]).toEqual(['nvme', '(null)']);
  });

  test('takes a device without a driver, and leaves it without one', async () => {
    tree.unbind(address);
    const binding = await bindAt(kernel, address, false);
    expect(binding.previousDriver).toBeUndefined();
    expect(binding.steps).toHaveLength(2);
    await binding.restore();
    expect([kernel.driver, kernel.override]).toEqual([undefined, '(null)']);
  });

  test('gives back an override that was there', async () => {
    tree.file(`/sys/devices/pci0000:00/${address}/driver_override`, 'nvme\n');
    await (await bindAt(kernel, address, false)).restore();
    expect([kernel.driver, kernel.override]).toEqual(['nvme', 'nvme']);
  });

  test('takes away an override for another driver, so that its own takes it back', async () => {
    writeFileSync(kernel.root + override, 'other\n');
    await (await bindAt(kernel, address, false)).restore();
    expect([kernel.driver, kernel.override]).toEqual(['nvme', '(null)']);
  });

  test.each(['vfio-pci', 'mlx5_vfio_pci'])(
    'does nothing to a device that %s has',
    async (driver) => {
      tree.bind(address, driver);
      const binding = await bindAt(kernel, address, false);
      await binding.restore();
      expect(binding.steps).toEqual([]);
      expect(kernel.writes).toEqual([]);
      expect(kernel.driver).toBe(driver);
    },
  );

  test('restores once, also by `await using`', async () => {
    const binding = await bindAt(kernel, address, false);
    const restoring = binding.restore();
    expect(binding.restore()).toBe(restoring);
    expect(binding[Symbol.asyncDispose]()).toBe(restoring);
    await restoring;
    expect(kernel.writes).toHaveLength(6);
  });
});

describe('a dry run', () => {
  test('writes nothing, and says the same steps', async () => {
    const dry = await bindAt(kernel, address, true);
    await dry.restore();
    expect(kernel.writes).toEqual([]);
    expect(dry.steps).toEqual((await bindAt(kernel, address, false)).steps);
  });
});

describe('S2/ refused, with nothing written, is', () => {
  afterEach(() => expect(kernel.writes).toEqual([]));

  test('a device that is not there', async () => {
    const error = await rejectionOf(bindAt(kernel, '0000:09:00.0', false));
    expect(error).toMatchObject({ code: 'ENODEV', hint: expect.stringContaining('lspci') });
  });

  test('any device while vfio-pci is not loaded', async () => {
    using bare = new FakeTree();
    bare.pci(address, { driver: 'nvme' });
    const error = await rejectionOf(bindAt(new FakeSysfs(bare, address), address, true));
    expect(error).toMatchObject({
      code: 'ERR_VFIO_UNSUPPORTED',
      hint: expect.stringMatching(/^As root: modprobe vfio-pci$/m),
    });
  });

  test.each([true, false])('a device with a disk in use (dry run: %s)', async (dryRun) => {
    useDisk();
    const error = await rejectionOf(bindAt(kernel, address, dryRun));
    expect(error).toMatchObject({ code: 'ERR_VFIO_BUSY', address });
    expect(error.message).toContain('nvme0n1 is mounted on /data');
  });

  test.each([
    ['../../etc', {}, 'ERR_VFIO_ADDRESS'],
    [address, { dryrun: true }, 'ERR_INVALID_ARG_VALUE'],
    [address, { dryRun: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [address, null, 'ERR_INVALID_ARG_TYPE'],
  ])('%s with %j', async (where, options, code) => {
    expect((await rejectionOf(bindDevice(where, options as never))).code).toBe(code);
  });
});

/** Mounts a disk of the device. */
function useDisk(): void {
  const path = `/sys/devices/pci0000:00/${address}/nvme/nvme0/nvme0n1`;
  tree.file(`${path}/dev`, '259:0\n');
  tree.link('/sys/block/nvme0n1', path);
  tree.file('/proc/self/mountinfo', '36 35 259:0 / /data rw - ext4 /dev/nvme0n1 rw\n');
}

describe('F22/ a step of binding that fails', () => {
  test('first leaves everything as it was', async () => {
    failAt(0, 'EACCES', -13);
    expect(await rejectionOf(bindAt(kernel, address, false))).toMatchObject({
      code: 'EACCES',
      errno: -13,
      syscall: 'write',
      path: override,
      hint: expect.stringContaining('root'),
    });
    expect(kernel.writes).toEqual([]);
    expect([kernel.driver, kernel.override]).toEqual(['nvme', '(null)']);
  });

  test.each([
    [1, unbind('nvme')],
    [2, probe],
  ])('as number %d is undone', async (number, path) => {
    failAt(number, 'EINVAL', -22);
    const error = await rejectionOf(bindAt(kernel, address, false));
    expect(error).toMatchObject({ code: 'EINVAL', path, hint: expect.stringContaining(path) });
    expect([kernel.driver, kernel.override]).toEqual(['nvme', '(null)']);
  });

  test.each([
    ['before it is unbound', 1, 'other'],
    ['after, without what keeps its driver from it', 2, '(null)'],
  ])('gives back an override for another driver %s', async (_when, number, left) => {
    writeFileSync(kernel.root + override, 'other\n');
    failAt(number, 'EINVAL', -22);
    await rejectionOf(bindAt(kernel, address, false));
    expect([kernel.driver, kernel.override]).toEqual(['nvme', left]);
  });

  test('when vfio-pci does not take the device is undone', async () => {
    kernel.before.set(2, () => writeFileSync(kernel.root + override, '(null)\n'));
    const error = await rejectionOf(bindAt(kernel, address, false));
    expect(error).toMatchObject({
      code: 'ERR_VFIO_NOT_BOUND',
      message: expect.stringMatching(
        /^The driver vfio-pci did not accept 0000:01:00.0. 0000:01:00.0 is now bound to nvme, .* is empty$/m,
      ),
      hint: expect.stringContaining('dmesg'),
    });
    expect([kernel.driver, kernel.override]).toEqual(['nvme', '(null)']);
  });

  test('because this kernel has no driver_override is told by that', async () => {
    rmSync(`${tree.root}/sys/devices/pci0000:00/${address}/driver_override`);
    failAt(0, 'ENOENT', -2);
    const error = await rejectionOf(bindAt(kernel, address, false));
    expect(error).toMatchObject({ code: 'ENOENT', path: override });
    expect(kernel.driver).toBe('nvme');
  });

  test('and cannot be undone says what to do by hand', async () => {
    failAt(2, 'EINVAL', -22);
    const undo = kernel.write.bind(kernel);
    kernel.write = async (path, value) => {
      if (path === bind('nvme')) {
        throw Object.assign(new Error(), { errno: -19, syscall: 'write' });
      }
      return undo(path, value);
    };
    const error = await rejectionOf(bindAt(kernel, address, false));
    expect(error).toMatchObject({ code: 'EINVAL', cause: { code: 'EINVAL' } });
    expect(error.message).toContain('undoing the steps failed too: ENODEV');
    expect(error.hint).toContain(`echo > ${override}\n  echo ${address} > ${bind('nvme')}`);
  });
});

describe('S2/ a race', () => {
  test('with another driver before the unbind stops, and leaves that driver alone', async () => {
    kernel.before.set(0, () => tree.bind(address, 'other'));
    const error = await rejectionOf(bindAt(kernel, address, false));
    expect(error).toMatchObject({ code: 'ERR_VFIO_BUSY' });
    expect(error.message).toContain('now bound to other');
    expect([kernel.driver, kernel.override]).toEqual(['other', '(null)']);
  });

  test('with a driver that lets go by itself stops, and binds it to none', async () => {
    kernel.before.set(0, () => tree.unbind(address));
    expect(await rejectionOf(bindAt(kernel, address, false))).toMatchObject({
      code: 'ERR_VFIO_BUSY',
      message: expect.stringMatching(
        /now has no driver, .* its driver, so the library left it unchanged$/m,
      ),
    });
    expect(kernel.writes).not.toContain(`${address} > ${probe}`);
    expect([kernel.driver, kernel.override]).toEqual([undefined, '(null)']);
  });

  test('with another driver after the unbind leaves that driver alone', async () => {
    kernel.before.set(2, () => tree.bind(address, 'other'));
    const error = await rejectionOf(bindAt(kernel, address, false));
    expect(error).toMatchObject({ code: 'ERR_VFIO_NOT_BOUND' });
    expect([kernel.driver, kernel.override]).toEqual(['other', '(null)']);
  });

  test('with a process that takes no turns stops, and leaves it what it bound', async () => {
    const other = new FakeSysfs(tree, address);
    kernel.before.set(0, () => {
      tree.unbind(address);
      void other.write(override, 'vfio-pci');
      void other.write(probe, address);
    });
    const error = await rejectionOf(bindAt(kernel, address, false));
    expect(error.code).toBe('ERR_VFIO_BUSY');
    expect(error.message).toMatch(
      /is now bound to vfio-pci, .* driver_override is vfio-pci. .* left them unchanged$/m,
    );
    expect(kernel.writes).toEqual([`vfio-pci > ${override}`]);
    expect([kernel.driver, kernel.override]).toEqual(['vfio-pci', 'vfio-pci']);
  });

  test('with a whole binding in between leaves that to whoever holds it', async () => {
    const first = new FakeSysfs(tree, address);
    let winner: Binding | undefined;
    const write = kernel.write.bind(kernel);
    kernel.write = async (path, value) => {
      winner ??= await bindAt(first, address, false);
      return write(path, value);
    };
    expect((await rejectionOf(bindAt(kernel, address, false))).code).toBe('ERR_VFIO_BUSY');
    expect([kernel.driver, kernel.override]).toEqual(['vfio-pci', 'vfio-pci']);
    await winner?.restore();
    expect([kernel.driver, kernel.override]).toEqual(['nvme', '(null)']);
  });

  test('with another override before the unbind stops, and leaves that override alone', async () => {
    const write = kernel.write.bind(kernel);
    kernel.write = async (path, value) => {
      await write(path, value);
      if (path === override) await write(override, 'other');
    };
    const error = await rejectionOf(bindAt(kernel, address, false));
    expect(error.code).toBe('ERR_VFIO_BUSY');
    expect(error.message).toMatch(
      /is other. Another program changed its driver_override, so the library left it/,
    );
    expect([kernel.driver, kernel.override]).toEqual(['nvme', 'other']);
  });

  test('with a mount before the unbind stops', async () => {
    kernel.before.set(0, useDisk);
    const error = await rejectionOf(bindAt(kernel, address, false));
    expect(error).toMatchObject({ code: 'ERR_VFIO_BUSY' });
    expect([kernel.driver, kernel.override]).toEqual(['nvme', '(null)']);
  });

  test.each([{ vendor: '0xdead' }, { device: '0xdead' }])(
    'with another device at the address is noticed: %j',
    async (facts) => {
      kernel.before.set(2, () => tree.pci(address, { ...facts, group: 12 }));
      const error = await rejectionOf(bindAt(kernel, address, false));
      expect(error.message).toContain('Another device');
    },
  );
});

describe('S2/ a driver link that leads elsewhere', () => {
  const link = `/sys/devices/pci0000:00/${address}/driver`;

  test.each([
    ['out of sysfs', '../../../../../../etc/nvme'],
    ['to nothing', '/nowhere/at/all/nvme'],
    ['round in a circle', 'nvme'],
  ])('%s, gives a name and no path to write to', async (_where, target) => {
    tree.link(link, target);
    const { previousDriver } = await bindAt(kernel, address, false);
    expect(previousDriver).toBe('nvme');
    const paths = kernel.writes.map((write) => write.split(' > ')[1]);
    expect(paths).toEqual([override, unbind('nvme'), probe]);
  });
});

describe('S2/ restoring', () => {
  test('leaves alone a device that someone else bound', async () => {
    const binding = await bindAt(kernel, address, false);
    tree.bind(address, 'other');
    expect(await rejectionOf(binding.restore())).toMatchObject({ code: 'ERR_VFIO_BUSY' });
    expect(kernel.driver).toBe('other');
  });

  test('leaves alone an override that someone else wrote, and warns', async () => {
    tree.unbind(address);
    const binding = await bindAt(kernel, address, false);
    writeFileSync(kernel.root + override, 'other\n');
    const warnings = catchWarnings();
    await binding.restore();
    expect([kernel.driver, kernel.override]).toEqual([undefined, 'other']);
    expect(warnings).toEqual([
      {
        code: undefined,
        message: `Restoring ${address}: Another program changed its driver_override, so the library left it unchanged`,
      },
    ]);
  });

  test('leaves alone a device that the same process released and bound again', async () => {
    const first = await bindAt(kernel, address, false);
    await releaseAt(kernel, address, false);
    const second = await bindAt(kernel, address, false);
    const error = await rejectionOf(first.restore());
    expect(error).toMatchObject({ code: 'ERR_VFIO_BUSY' });
    expect(error.message).toContain(
      `not restored: another binding of this process (${process.pid}) has bound it`,
    );
    expect(kernel.driver).toBe('vfio-pci');
    await second.restore();
    expect(kernel.driver).toBe('nvme');
    // The first binding has nothing left to restore.
    await first.restore();
  });

  test('finds a device that was given back already', async () => {
    const binding = await bindAt(kernel, address, false);
    tree.bind(address, 'nvme');
    await binding.restore();
    expect([kernel.driver, kernel.override]).toEqual(['nvme', '(null)']);
  });

  test('binds a device that vfio-pci has lost', async () => {
    const binding = await bindAt(kernel, address, false);
    tree.unbind(address);
    await binding.restore();
    expect(kernel.driver).toBe('nvme');
  });

  test('does not touch another device at the address', async () => {
    const binding = await bindAt(kernel, address, false);
    tree.pci(address, { vendor: '0xdead', driver: 'vfio-pci' });
    kernel.writes.length = 0;
    expect(await rejectionOf(binding.restore())).toMatchObject({ code: 'ENODEV' });
    expect(kernel.writes).toEqual([]);
  });

  test('tells when vfio-pci does not let go of a device that had no driver', async () => {
    tree.unbind(address);
    const binding = await bindAt(kernel, address, false);
    const write = kernel.write.bind(kernel);
    kernel.write = async (path, value) => {
      if (path !== unbind('vfio-pci')) await write(path, value);
    };
    expect(await rejectionOf(binding.restore())).toMatchObject({
      code: 'ERR_VFIO_NOT_BOUND',
      message: expect.stringContaining(
        `${address} is still bound to vfio-pci. ${address} is now bound to vfio-pci`,
      ),
    });
  });

  test('tells when the driver does not take the device back', async () => {
    const binding = await bindAt(kernel, address, false);
    kernel.before.set(5, () => {
      throw Object.assign(new Error(), { errno: -19, syscall: 'write' });
    });
    expect(await rejectionOf(binding.restore())).toMatchObject({
      code: 'ENODEV',
      path: bind('nvme'),
    });
    // The record of its previous driver is still there.
    expect(await releaseAt(kernel, address, false)).toMatchObject({ driver: 'nvme' });
  });
});

test('a turn ends with what was done in it, also when that failed', async () => {
  let turns = 0;
  const taking = Object.assign(kernel, {
    async lock() {
      turns++;
      return () => {
        turns--;
      };
    },
  });
  failAt(1, 'EIO', -5);
  await rejectionOf(bindAt(taking, address, false));
  expect(turns).toBe(0);
  const binding = await bindAt(taking, address, false);
  expect(turns).toBe(0);
  await binding.restore();
  expect([turns, kernel.driver]).toEqual([0, 'nvme']);
});
