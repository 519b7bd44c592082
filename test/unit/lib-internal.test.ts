// SPDX-License-Identifier: MIT
// The small helpers of lib/internal/, each tested alone.
import type { EventEmitter } from 'node:events';
import { rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { keepBusErrors } from '../../lib/internal/bus-errors.js';
import { DirectMemory } from '../../lib/internal/direct-memory.js';
import { ours } from '../../lib/internal/ours.js';
import { warn } from '../../lib/internal/report.js';
import { unsignedAdvice } from '../../lib/internal/unsigned.js';
import { integer, show } from '../../lib/internal/validate.js';
import { Region } from '../../lib/region.js';
import { regionInfo } from '../../lib/region-info.js';
import { bindRegisters, defineRegisters } from '../../lib/registers.js';
import { exists, isAbsence, lookFailed, readNumber, readText } from '../../lib/sysfs/files.js';
import { findHolders } from '../../lib/sysfs/holders.js';
import { readMemlock } from '../../lib/sysfs/memlock.js';
import { write } from '../../lib/sysfs/write.js';
import { catchWarnings, FakeDevice, FakeNative, rejectionOf, thrownBy } from './lib-fake-native.js';
import { FakeTree } from './lib-fake-tree.js';

afterEach(() => {
  jest.restoreAllMocks();
});

describe('a look at a file', () => {
  test('that is not there gives nothing, another failure is thrown', () => {
    using tree = new FakeTree();
    tree.folder('/folder');
    expect(readText(`${tree.root}/nothing`)).toBeUndefined();
    expect(exists(`${tree.root}/folder`)).toBe(true);
    expect(thrownBy(() => readText(`${tree.root}/folder`))).toMatchObject({
      code: 'EISDIR',
      name: 'VfioError',
      syscall: 'read',
    });
  });

  test('that no system call refused is passed on as it is', () => {
    const error = new Error('of another kind');
    expect(isAbsence(error)).toBe(false);
    expect(lookFailed(error)).toBe(error);
    expect(thrownBy(() => exists('/with\0zero')).code).toBe('ERR_INVALID_ARG_VALUE');
  });

  test('for a number takes decimal and hexadecimal, and nothing else', () => {
    using tree = new FakeTree();
    const numberIn = (text: string) => {
      tree.file('/number', text);
      return readNumber(`${tree.root}/number`);
    };
    expect(['0x1b36\n', '-1\n', '\n', 'none\n'].map(numberIn)).toEqual([
      0x1b36,
      -1,
      undefined,
      undefined,
    ]);
  });
});

test("what Node's permission model refuses is no answer, and says which flags allow it", async () => {
  const refused = (permission: string, resource: string) =>
    Object.assign(new Error('restricted'), { code: 'ERR_ACCESS_DENIED', permission, resource });
  const read = refused('FileSystemRead', '/sys/a');
  const written = refused('FileSystemWrite', '/sys/b');
  expect(isAbsence(read)).toBe(false);
  expect(lookFailed(read)).toMatchObject({
    code: 'ERR_VFIO_PLATFORM',
    message: expect.stringContaining('does not let vfio read /sys/a\n'),
    hint: expect.stringContaining('--allow-fs-read'),
    cause: read,
  });
  const sysfs = { root: '', write: () => Promise.reject(written) };
  await expect(write(sysfs, { path: '/sys/b', value: '1' }, '0000:01:00.0')).rejects.toMatchObject({
    code: 'ERR_VFIO_PLATFORM',
    message: expect.stringContaining('does not let vfio write to /sys/b\n'),
    hint: expect.stringContaining('--allow-fs-write=/sys'),
    cause: written,
  });
});

describe('locked memory', () => {
  const limit = 'Max locked memory         8388608              8388608              bytes\n';

  test('is what this process may lock, and has locked or pinned', () => {
    using tree = new FakeTree();
    tree.file('/proc/self/limits', limit);
    tree.file('/proc/self/status', 'Name:\tnode\nVmLck:\t       4 kB\nVmPin:\t       8 kB\n');
    expect(readMemlock(tree.root)).toEqual({ allowed: 8388608, locked: 12288 });
  });

  test.each(['VmLck:\t       4 kB\n', undefined])('is none where %j is all there is', (status) => {
    using tree = new FakeTree();
    tree.file('/proc/self/limits', limit);
    if (status !== undefined) tree.file('/proc/self/status', status);
    expect(readMemlock(tree.root)).toEqual({
      allowed: 8388608,
      locked: status === undefined ? 0 : 4096,
    });
  });

  test('is not known where /proc is not mounted, and is on this machine', () => {
    using tree = new FakeTree();
    expect(readMemlock(tree.root)).toBeUndefined();
    expect(readMemlock()?.allowed).toBeGreaterThanOrEqual(0);
  });
});

test('who holds a file is found on this machine, and nobody holds it after that', async () => {
  const path = join(tmpdir(), `vfio-held-${process.pid}`);
  const file = await open(path, 'w');
  const pids = async () => (await findHolders(path)).map(({ pid }) => pid);
  try {
    expect(await pids()).toEqual([process.pid]);
  } finally {
    await file.close();
  }
  expect(await pids()).toEqual([]);
  rmSync(path);
});

test('a warning has the code of what failed, if that has one', () => {
  const warnings = catchWarnings();
  warn('Closing it failed', Object.assign(new Error('gone'), { code: 'ERR_VFIO_LOST' }));
  warn('Closing it failed', new Error('of another kind'));
  expect(warnings).toEqual([
    { code: 'ERR_VFIO_LOST', message: 'Closing it failed: gone' },
    { code: undefined, message: 'Closing it failed: of another kind' },
  ]);
});

test('SIGBUS is taken back whenever somebody begins or ends to listen to it', () => {
  const emitter: EventEmitter = process;
  const events = ['newListener', 'removeListener'];
  const before = new Map(events.map((event) => [event, emitter.listeners(event)]));
  const takeBusErrors = jest.fn<() => void>();
  const listener = () => {};
  try {
    keepBusErrors({ takeBusErrors });
    process.on('SIGHUP', listener).off('SIGHUP', listener);
    expect(takeBusErrors).not.toHaveBeenCalled();
    process.on('SIGBUS', listener);
    expect(takeBusErrors).toHaveBeenCalledTimes(1);
    process.off('SIGBUS', listener);
    expect(takeBusErrors).toHaveBeenCalledTimes(2);
  } finally {
    for (const event of events) {
      for (const each of emitter.listeners(event)) {
        if (!before.get(event)?.includes(each)) emitter.off(event, each as () => void);
      }
    }
  }
});

test('a doorbell goes through write32 where stores of JavaScript are not proved', () => {
  const { arch } = process;
  const native = new FakeNative();
  native.container.devices.push(new FakeDevice('0000:01:00.0', native.log));
  const map = jest.fn(() => new ArrayBuffer(4));
  const direct = new DirectMemory({ map, msixAreas: () => [] });
  const facts = {
    index: 0,
    flags: 7,
    size: 4096,
    mappable: [],
    ioPorts: false,
    prefetchable: false,
    type: undefined,
    subtype: undefined,
  };
  const region = new Region(ours, native, 0, regionInfo(facts), '0000:01:00.0', direct);
  Object.defineProperty(process, 'arch', { value: 'arm64' });
  try {
    region.doorbell(8).write(7);
  } finally {
    Object.defineProperty(process, 'arch', { value: arch });
  }
  expect(native.access).toEqual(['write32', 0, 8, 7]);
  expect(map).not.toHaveBeenCalled();
});

test('a value is shown as it was given', () => {
  expect(['a', 7, -0, 7n, null, [], Symbol('s'), () => {}, undefined].map(show)).toEqual([
    '"a"',
    '7',
    '-0',
    '7n',
    'null',
    'an object',
    'a symbol',
    'a function',
    'undefined',
  ]);
  expect(thrownBy(() => integer('count', -0, 1, 4)).message).toBe(
    'Expected an integer from 1 to 4 for count but received -0',
  );
});

describe('a negative value where bits are expected', () => {
  test.each([
    [-1, 32, ' (`value >>> 0` converts a signed value)'],
    [-(2 ** 31), 32, ' (`value >>> 0` converts a signed value)'],
    [-(2 ** 31) - 1, 32, ''],
    [-1, 16, ' (`value & 0xffff` converts a signed value)'],
    [-1, 5, ' (`value & 0x1f` converts a signed value)'],
    [-17, 5, ''],
    [-1n, 64, ' (`BigInt.asUintN(64, value)` converts a signed value)'],
    [-(2n ** 63n) - 1n, 64, ''],
    [-1, 64, ''],
    [0, 32, ''],
    [-0.5, 32, ''],
    [2 ** 32, 32, ''],
    ['-1', 32, ''],
  ])('%s of %s bits: %s', (value, bits, advice) => {
    expect(unsignedAdvice(value, bits)).toBe(advice);
  });

  test('is converted in the message of every call that takes bits', async () => {
    const native = new FakeNative();
    const info = {
      index: 0,
      flags: 7,
      size: 16,
      mappable: [],
      ioPorts: false,
      prefetchable: false,
    };
    const facts = regionInfo({ ...info, type: undefined, subtype: undefined });
    const direct = new DirectMemory(undefined);
    const region = new Region(ours, native, 0, facts, '0000:01:00.0', direct);
    const map = defineRegisters({ CTRL: { at: 0, width: 32 } });
    const calls = [
      () => region.write32(0, ~1),
      () => region.doorbell(0).write(~1),
      () => region.batch([{ offset: 0, write: ~1 }]),
      () => region.write32Flush(0, ~1),
      () => region.write64(0, -1n),
      () => bindRegisters(region, map).CTRL.write(~1),
    ];
    for (const call of calls) expect(thrownBy(call).message).toMatch(/`.*value.*` converts/);
    for (const call of [() => region.poll32(0, ~1, 0), () => region.poll32(0, 1, ~1)])
      expect((await rejectionOf(call())).message).toContain('`value >>> 0` converts');
  });
});
