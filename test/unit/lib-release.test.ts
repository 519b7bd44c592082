// SPDX-License-Identifier: MIT
// Recovery of a device that a program bound and did not restore because it was interrupted.
import fs, { chmodSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import promises from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { bindAt } from '../../lib/bind.js';
import { releaseAt, releaseDevice } from '../../lib/release.js';
import { catchWarnings, rejectionOf } from './lib-fake-native.js';
import { bind, FakeSysfs, probe, unbind } from './lib-fake-sysfs.js';
import { FakeTree } from './lib-fake-tree.js';

const address = '0000:01:00.0';
const remembered = '/run/vfio/bindings.json';
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

type Entries = Record<string, Record<string, unknown>>;

function entries(): Entries {
  return JSON.parse(readFileSync(tree.root + remembered, 'utf8'));
}

/** Changes the record of the device's binding. */
function change(fields: Record<string, unknown>): void {
  tree.file(remembered, JSON.stringify({ [address]: { ...entries()[address], ...fields } }));
}

/** Adds process 41, which started at `startTime`. `state` is the letter that ps shows. */
function addProcess41(startTime = 1000, state = 'S'): void {
  const fields = [state, ...Array(18).fill('0'), `${startTime}`, '0'];
  tree.file('/proc/41/stat', `41 (a) b) ${fields.join(' ')}\n`);
}

/** Changes the record as if process 41, which started at 1000, had bound the device. */
function recordProcess41(): void {
  change({ pid: 41, startTime: 1000, id: 'of process 41' });
}

/** Leaves the device as a process does that binds it and then ends. */
async function leaveBound(): Promise<void> {
  await bindAt(kernel, address, false);
  recordProcess41();
  kernel.writes.length = 0;
}

describe('S2/ a binding is remembered', () => {
  test('before anything is written, until the device is given back', async () => {
    let seen: unknown;
    kernel.before.set(0, () => {
      seen = entries();
    });
    const binding = await bindAt(kernel, address, false);
    const entry = {
      ...{ vendorId: 0x1b36, deviceId: 0x0010, driver: 'nvme', override: '' },
      ...{ pid: process.pid, startTime: 0, id: expect.any(String) },
    };
    expect(seen).toEqual({ [address]: entry });
    expect(entries()).toEqual(seen);
    await binding.restore();
    expect(entries()).toEqual({});
  });

  test('no longer than it lasts: not when it failed', async () => {
    kernel.before.set(2, () => writeFileSync(kernel.root + override, '(null)\n'));
    await rejectionOf(bindAt(kernel, address, false));
    expect(entries()).toEqual({});
  });

  test('beside those of other devices', async () => {
    tree.file(remembered, '{"0000:02:00.0": "of a later version"}');
    const binding = await bindAt(kernel, address, false);
    expect(Object.keys(entries())).toEqual(['0000:02:00.0', address]);
    await binding.restore();
    expect(entries()).toEqual({ '0000:02:00.0': 'of a later version' });
  });

  test('by no dry run', async () => {
    await bindAt(kernel, address, true);
    expect(() => entries()).toThrow('ENOENT');
  });

  test.each(['{"0000:02:00.0": {', '[]', 'null'])(
    'also where the file is damaged: %s; that is kept, and said',
    async (damage) => {
      tree.file(remembered, damage);
      const warnings = catchWarnings();
      await bindAt(kernel, address, false);
      expect(Object.keys(entries())).toEqual([address]);
      expect(readFileSync(`${tree.root}${remembered}.damaged`, 'utf8')).toBe(damage);
      expect(warnings).toEqual([
        { code: undefined, message: expect.stringContaining('bindings.json.damaged') },
      ]);
    },
  );
});

test('S2/ a device is changed in its turn, and what is remembered in the turn of that', async () => {
  const turns: string[] = [];
  const outOfTurn: string[] = [];
  const check = (turn: string, path: string) => turns.includes(turn) || outOfTurn.push(path);
  const write = kernel.write.bind(kernel);
  const rename = fs.renameSync;
  jest.spyOn(fs, 'renameSync').mockImplementation((from, to) => {
    check('bindings', `${to}`);
    rename(from, to);
  });
  const taking = Object.assign(kernel, {
    async lock(name: string) {
      turns.push(name);
      return () => void turns.splice(turns.indexOf(name), 1);
    },
    async write(path: string, value: string) {
      check(address, path);
      await write(path, value);
    },
  });
  await (await bindAt(taking, address, false)).restore();
  await bindAt(taking, address, false);
  await releaseAt(taking, address, false);
  expect(kernel.writes).toHaveLength(12);
  expect(outOfTurn).toEqual([]);
});

describe('S2/ what is remembered', () => {
  test('on a read-only /run cannot be: nothing is bound, and the error says what a systemd unit needs', async () => {
    const failure = Object.assign(new Error(), { code: 'EROFS', errno: -30, syscall: 'mkdir' });
    jest.spyOn(fs, 'mkdirSync').mockImplementation(() => {
      throw failure;
    });
    expect(await rejectionOf(bindAt(kernel, address, false))).toMatchObject({
      code: 'EROFS',
      hint: expect.stringContaining('RuntimeDirectory=vfio lock/vfio'),
    });
    expect(kernel.writes).toEqual([]);
  });

  test.each([
    [
      'is of another user',
      () => {
        const facts = { isDirectory: () => true, uid: 65534, mode: 0o40755 };
        jest.spyOn(fs, 'lstatSync').mockReturnValue(facts as never);
      },
    ],
    ['can be changed by others', () => chmodSync(`${tree.root}/run/vfio`, 0o777)],
  ])('is not believed where the folder %s', async (_why, spoil) => {
    await leaveBound();
    spoil();
    const message = `${tree.root}/run/vfio, where binding keeps its files, `;
    for (const dryRun of [true, false]) {
      for (const call of [bindAt, releaseAt]) {
        expect(await rejectionOf(call(kernel, address, dryRun))).toMatchObject({
          code: 'ERR_VFIO_BUSY',
          message: expect.stringContaining(message),
          hint: expect.stringContaining(`rm -r ${tree.root}/run/vfio`),
        });
      }
    }
    expect(kernel.writes).toEqual([]);
  });

  test('is written to no file that a link leads to', async () => {
    tree.file('/victim', 'kept');
    tree.folder('/run/vfio');
    symlinkSync(`${tree.root}/victim`, `${tree.root}${remembered}.new`);
    await bindAt(kernel, address, false);
    expect(readFileSync(`${tree.root}/victim`, 'utf8')).toBe('kept');
    expect(Object.keys(entries())).toEqual([address]);
  });
});

describe('S2/ a device that was left over', () => {
  test('is said to be, and goes back to the driver it had before that', async () => {
    await leaveBound();
    const binding = await bindAt(kernel, address, false);
    expect(binding).toMatchObject({ leftOver: true, previousDriver: 'nvme', steps: [] });
    expect(kernel.writes).toEqual([]);
    expect(entries()[address]).toMatchObject({ driver: 'nvme', pid: process.pid });
    await binding.restore();
    expect([kernel.driver, kernel.override]).toEqual(['nvme', '(null)']);
    expect(entries()).toEqual({});
  });

  test.each([
    ['its number is of a later process', 2000, 'S'],
    ['it is a zombie', 1000, 'Z'],
  ])('is known to be when %s', async (_when, startTime, state) => {
    await leaveBound();
    addProcess41(startTime, state);
    expect((await bindAt(kernel, address, true)).leftOver).toBe(true);
  });

  test.each([
    ['its process is there', () => addProcess41()],
    ['this process bound it', () => change({ pid: process.pid, startTime: 0 })],
    ['another device was plugged', () => change({ deviceId: 1 })],
    ['nothing is remembered', () => tree.file(remembered, '{}')],
    ['what is remembered is no driver', () => change({ driver: '../../etc' })],
    ['what is remembered is the folder above', () => change({ driver: '..' })],
    ['what is remembered is two lines', () => change({ driver: 'a\nb' })],
    ['what is remembered is no override', () => change({ override: 'a\nb' })],
    ['what is remembered is damaged', () => tree.file(remembered, '{')],
  ])('is none when %s', async (_when, make) => {
    await leaveBound();
    make();
    const binding = await bindAt(kernel, address, false);
    expect(binding).toMatchObject({ leftOver: false, previousDriver: 'vfio-pci', steps: [] });
    await binding.restore();
    expect(kernel.writes).toEqual([]);
    expect(kernel.driver).toBe('vfio-pci');
  });

  test.each([
    ['a process that has ended', recordProcess41],
    ['a thread of this process', () => undefined],
  ])('in the middle of binding by %s is bound, and goes back all the way', async (_who, by) => {
    await bindAt(kernel, address, false);
    by();
    tree.unbind(address);
    const binding = await bindAt(kernel, address, false);
    expect(binding).toMatchObject({ leftOver: true, previousDriver: 'nvme' });
    expect(kernel.driver).toBe('vfio-pci');
    expect(entries()[address]).toMatchObject({ driver: 'nvme', override: '' });
    await binding.restore();
    expect([kernel.driver, kernel.override]).toEqual(['nvme', '(null)']);
  });

  describe('by a binding of this process that failed, and could not be undone,', () => {
    beforeEach(async () => {
      // Write 2 is the probe, and write 4 is the bind of the rollback.
      for (const step of [2, 4]) {
        kernel.before.set(step, () => {
          throw Object.assign(new Error(), { errno: -5, syscall: 'write' });
        });
      }
      expect((await rejectionOf(bindAt(kernel, address, false))).message).toContain(
        'undoing the steps failed',
      );
      expect([kernel.driver, kernel.override]).toEqual([undefined, '(null)']);
    });

    test('goes back to the driver it had before that', async () => {
      const binding = await bindAt(kernel, address, false);
      expect(binding).toMatchObject({ leftOver: true, previousDriver: 'nvme' });
      await binding.restore();
      expect([kernel.driver, kernel.override]).toEqual(['nvme', '(null)']);
    });

    test('is remembered through a second failure', async () => {
      kernel.before.set(6, kernel.before.get(2) as () => void);
      kernel.before.set(8, kernel.before.get(2) as () => void);
      await rejectionOf(bindAt(kernel, address, false));
      expect(kernel.driver).toBeUndefined();
      expect(await releaseAt(kernel, address, false)).toMatchObject({ driver: 'nvme' });
    });
  });

  test.each([
    ['before the unbinding', () => tree.bind(address, 'nvme')],
    ['after the unbinding', () => tree.unbind(address)],
  ])('%s goes back all the way when it cannot be bound', async (_when, make) => {
    await leaveBound();
    make();
    kernel.before.set(5, () => writeFileSync(kernel.root + override, '(null)\n'));
    kernel.before.set(4, () => writeFileSync(kernel.root + override, '(null)\n'));
    expect((await rejectionOf(bindAt(kernel, address, false))).code).toMatch(/^ERR_VFIO_/);
    expect([kernel.driver, kernel.override]).toEqual(['nvme', '(null)']);
  });

  test('stays bound for a process that may not write to sysfs', async () => {
    await leaveBound();
    const failure = Object.assign(new Error(), { code: 'EACCES', errno: -13, syscall: 'access' });
    const access = jest.spyOn(promises, 'access').mockRejectedValue(failure);
    const binding = await bindAt(kernel, address, false);
    expect(binding).toMatchObject({ leftOver: false, previousDriver: 'vfio-pci' });
    await binding.restore();
    expect(kernel.writes).toEqual([]);
    tree.bind(address, 'nvme');
    for (const call of [bindAt(kernel, address, false), releaseAt(kernel, address, false)]) {
      expect(await rejectionOf(call)).toMatchObject({
        code: 'EACCES',
        path: override,
        hint: expect.stringContaining('needs root'),
      });
    }
    access.mockRestore();
  });
});

test('S2/ restoring leaves a device alone that another process has bound since', async () => {
  const binding = await bindAt(kernel, address, false);
  recordProcess41();
  addProcess41();
  const error = await rejectionOf(binding.restore());
  expect(error).toMatchObject({ code: 'ERR_VFIO_BUSY' });
  expect(error.message).toContain('was not restored: process 41 has bound it to vfio-pci');
  expect(kernel.driver).toBe('vfio-pci');
});

describe('S2/ releasing a device', () => {
  test('gives it back to what is remembered', async () => {
    await leaveBound();
    const steps = [
      `echo > ${override}`,
      `echo ${address} > ${unbind('vfio-pci')}`,
      `echo ${address} > ${bind('nvme')}`,
    ];
    expect(await releaseAt(kernel, address, true)).toEqual({ address, driver: 'vfio-pci', steps });
    expect(kernel.writes).toEqual([]);
    expect(await releaseAt(kernel, address, false)).toEqual({ address, driver: 'nvme', steps });
    expect([kernel.driver, kernel.override]).toEqual(['nvme', '(null)']);
    expect(entries()).toEqual({});
  });

  test('gives it back to a driver whose name has spaces, in lines that a shell takes', async () => {
    const driver = "SMI's PCIe driver";
    tree.bind(address, driver);
    writeFileSync(kernel.root + override, `${driver}\n`);
    await leaveBound();
    expect(await releaseAt(kernel, address, false)).toEqual({
      address,
      driver,
      steps: [
        `echo 'SMI'\\''s PCIe driver' > ${override}`,
        `echo ${address} > ${unbind('vfio-pci')}`,
        `echo ${address} > '/sys/bus/pci/drivers/SMI'\\''s PCIe driver/bind'`,
      ],
    });
    expect(kernel.override).toBe(driver);
  });

  test('gives it back to no driver when it had none, with the override it had', async () => {
    tree.unbind(address);
    writeFileSync(kernel.root + override, 'other\n');
    await leaveBound();
    expect(await releaseAt(kernel, address, false)).toMatchObject({ driver: undefined });
    expect([kernel.driver, kernel.override]).toEqual([undefined, 'other']);
  });

  test.each([
    ['before it was unbound', () => tree.bind(address, 'nvme'), 'other'],
    ['after, without what keeps its driver from it', () => tree.unbind(address), '(null)'],
  ])('gives back an override for another driver %s', async (_when, make, left) => {
    writeFileSync(kernel.root + override, 'other\n');
    await leaveBound();
    make();
    expect(await releaseAt(kernel, address, false)).toMatchObject({ driver: 'nvme' });
    expect([kernel.driver, kernel.override]).toEqual(['nvme', left]);
  });

  test('lets the kernel choose when nothing is remembered', async () => {
    await leaveBound();
    tree.file(remembered, '{}');
    kernel.natural = 'nvme';
    expect(await releaseAt(kernel, address, false)).toEqual({
      address,
      driver: 'nvme',
      steps: [
        `echo > ${override}`,
        `echo ${address} > ${unbind('vfio-pci')}`,
        `echo ${address} > ${probe}`,
      ],
    });
  });

  test('finishes one that was interrupted', async () => {
    await leaveBound();
    kernel.before.set(5, () => {
      throw Object.assign(new Error(), { errno: -5, syscall: 'write' });
    });
    const error = await rejectionOf(releaseAt(kernel, address, false));
    expect(error).toMatchObject({ code: 'EIO', path: bind('nvme') });
    expect(error.message).toContain(`${address} now has no driver`);
    expect(await releaseAt(kernel, address, false)).toMatchObject({ driver: 'nvme' });
  });

  test.each([
    ['takes an override for vfio-pci from a device that another driver has', 'vfio-pci', '(null)'],
    ['leaves any other override alone', 'nvme', 'nvme'],
  ])('%s', async (_what, before, after) => {
    writeFileSync(kernel.root + override, `${before}\n`);
    expect(await releaseAt(kernel, address, false)).toMatchObject({ driver: 'nvme' });
    expect([kernel.driver, kernel.override]).toEqual(['nvme', after]);
    expect(kernel.writes.length).toBe(before === after ? 0 : 1);
  });

  test('tells when the driver does not take it back', async () => {
    await leaveBound();
    const write = kernel.write.bind(kernel);
    kernel.write = async (path, value) => {
      if (path !== bind('nvme')) await write(path, value);
    };
    const error = await rejectionOf(releaseAt(kernel, address, false));
    expect(error.code).toBe('ERR_VFIO_NOT_BOUND');
    expect(error.message).toContain(
      `The driver nvme did not accept ${address}. ${address} now has no driver`,
    );
    expect(Object.keys(entries())).toEqual([address]);
  });

  test.each([
    ['../../etc', {}, 'ERR_VFIO_ADDRESS'],
    [address, { dryrun: true }, 'ERR_INVALID_ARG_VALUE'],
    [address, { dryRun: 1 }, 'ERR_INVALID_ARG_TYPE'],
    ['0000:ff:1f.7', {}, 'ENODEV'],
  ])('is refused for %s with %j', async (where, options, code) => {
    expect((await rejectionOf(releaseDevice(where, options as never))).code).toBe(code);
  });
});
