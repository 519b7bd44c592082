// SPDX-License-Identifier: MIT
// The locks that let only one process or thread at a time bind a device.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs, {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { loadNative } from '../../lib/internal/load-native.js';
import { orNothing } from '../../lib/sysfs/files.js';
import { takeLock } from '../../lib/sysfs/locks.js';
import { syscalls } from '../../tools/testing-addon.js';
import { Holder } from '../support/holder.js';
import { FakeTree } from '../unit/lib-fake-tree.js';
import { withCode } from './support.js';

const SHORT_MS = 50;
const folder = '/run/lock/vfio';

let tree: FakeTree;

// Takes one lock before the tests: loading the addon, and jest reading files for that, opens and closes descriptors.
beforeAll(async () => {
  using first = new FakeTree();
  (await takeLock('first', first.root))();
});
beforeEach(() => {
  tree = new FakeTree();
});
afterEach(() => {
  syscalls().reset();
  tree[Symbol.dispose]();
});

const take = (name = 'a', limit = SHORT_MS) => takeLock(name, tree.root, limit);
/** The number of descriptors that are open on files of the tree. Others do not count: jest opens and closes some. */
const descriptors = () =>
  readdirSync('/proc/self/fd').filter((fd) => targetOf(fd)?.startsWith(tree.root)).length;
const targetOf = (fd: string) => orNothing(() => readlinkSync(`/proc/self/fd/${fd}`));
const busy = (message: string) =>
  withCode('ERR_VFIO_BUSY', { message: expect.stringContaining(message) });

describe('S2/ a lock', () => {
  test('is one at a time, in one process too, and free again after', async () => {
    const before = descriptors();
    const release = await take();
    await expect(take()).rejects.toEqual(busy(`${folder}/a.lock is locked by`));
    (await take('other'))();
    const waiting = take('a', 10_000);
    setTimeout(release, SHORT_MS);
    (await waiting)();
    expect(descriptors()).toBe(before);
  });

  test('is nobody’s on a kernel without file locks, where binding goes on without', async () => {
    const before = descriptors();
    const release = await take();
    syscalls().fail(1, constants.errno.ENOSYS, 'flock');
    (await take())();
    release();
    expect(descriptors()).toBe(before);
  });

  test('of this process is said to be', async () => {
    tree.file('/proc/locks', '');
    const release = await take();
    const { dev, ino } = statSync(`${tree.root}${folder}/a.lock`);
    const [major, minor] = [(dev >>> 8) & 0xfff, (dev & 0xff) | ((dev >>> 12) & 0xfff00)];
    const hex = (number: number) => number.toString(16).padStart(2, '0');
    const line = `1: FLOCK  ADVISORY  WRITE ${process.pid} ${hex(major)}:${hex(minor)}:${ino} 0 EOF`;
    tree.file('/proc/locks', `${line}\n`);
    await expect(take()).rejects.toEqual(busy(`is locked by this process (${process.pid})`));
    release();
  });

  test('of a file that was removed is taken again', async () => {
    const before = descriptors();
    const first = await take();
    const waiting = take('a', 10_000);
    rmSync(`${tree.root}${folder}`, { recursive: true });
    first();
    const release = await waiting;
    await expect(take()).rejects.toEqual(busy('is locked by'));
    release();
    (await take())();
    expect(descriptors()).toBe(before);
  });

  /** Takes the lock, says so and keeps it. A process and a worker can run this program. */
  const program = `
    const [path, binary] = process.argv.slice(-2);
    const fd = require('node:fs').openSync(path, 'r+');
    if (require(binary).tryLock(fd)) console.log('locked');
    setInterval(() => {}, 1000);
  `;
  const argv = () => [`${tree.root}${folder}/a.lock`, process.env.VFIO_BINARY as string];

  test('of another process is free when that is killed', async () => {
    (await take())();
    const child = spawn(process.execPath, ['-e', program, ...argv()]);
    await once(child.stdout, 'data');
    await expect(take()).rejects.toEqual(busy('is locked by'));
    const waiting = take('a', 10_000);
    child.kill('SIGKILL');
    (await waiting)();
  });

  test('of a worker is free when that ends', async () => {
    (await take())();
    const worker = new Worker(program, { eval: true, argv: argv(), stdout: true });
    await once(worker.stdout, 'data');
    await expect(take()).rejects.toEqual(busy('is locked by'));
    await worker.terminate();
    (await take())();
  });

  test('is not inherited by a child process', async () => {
    const release = await take();
    await using _child = await Holder.of('/dev/null', 0);
    release();
    (await take())();
  });

  test('that is refused leaves no descriptor open', async () => {
    const before = descriptors();
    syscalls().fail(1, constants.errno.ENOLCK, 'flock');
    await expect(take()).rejects.toEqual(withCode('ENOLCK', { syscall: 'flock' }));
    expect(descriptors()).toBe(before);
  });

  test('is of no descriptor that is not open', () => {
    expect(() => loadNative().tryLock(-1)).toThrow();
  });
});

test('S2/ a lock on a read-only /run says what a systemd unit needs', async () => {
  const failure = Object.assign(new Error(), { code: 'EROFS', errno: -30, syscall: 'mkdir' });
  const make = jest.spyOn(fs, 'mkdirSync').mockImplementation(() => {
    throw failure;
  });
  const hint = expect.stringContaining('RuntimeDirectory=vfio lock/vfio');
  await expect(take()).rejects.toEqual(withCode('EROFS', { hint }));
  make.mockRestore();
});

describe('S2/ a folder of locks is refused', () => {
  const path = () => tree.root + folder;

  test('when it is a link to another', async () => {
    mkdirSync(join(tree.root, 'elsewhere'));
    tree.folder('/run/lock');
    symlinkSync(join(tree.root, 'elsewhere'), path());
    await expect(take()).rejects.toEqual(
      busy(`${path()}, where binding keeps its files, is not a`),
    );
    expect(existsSync(join(tree.root, 'elsewhere/a.lock'))).toBe(false);
  });

  test.each([0o777, 0o775, 0o757])('when others can change it: mode %o', async (mode) => {
    tree.folder(folder);
    chmodSync(path(), mode);
    await expect(take()).rejects.toEqual(busy('can be changed by other users'));
  });

  test('when a lock in it is a link', async () => {
    tree.folder(folder);
    writeFileSync(join(tree.root, 'file'), '');
    symlinkSync(join(tree.root, 'file'), `${path()}/a.lock`);
    await expect(take()).rejects.toEqual(withCode('ELOOP', { syscall: 'open' }));
  });
});
