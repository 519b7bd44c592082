// SPDX-License-Identifier: MIT
// The cache folder: several runs make an entry only once, and say what they wait for.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { cached } from '../../tools/cache.js';
import { sayEachMinute } from '../../tools/progress.js';
import { compileKernel } from '../../vm/compile-kernel.js';
import { until } from '../support/until.js';

const { PATH, XDG_CACHE_HOME } = process.env;
let folder: string;
let said: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vfio-cache-'));
  process.env.XDG_CACHE_HOME = folder;
  said = [];
  jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said.push(String(text));
    return true;
  });
});

afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
  process.env.PATH = PATH;
  if (XDG_CACHE_HOME === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = XDG_CACHE_HOME;
  rmSync(folder, { recursive: true, force: true });
});

const waiting = 'waiting for another run that is creating lab-kernel/key\n';

/** Starts another process, which takes the lock and keeps it. */
async function holdLock(): Promise<ChildProcess> {
  mkdirSync(join(folder, 'vfio-vm/lab-kernel'), { recursive: true });
  const lock = join(folder, 'vfio-vm/lab-kernel/key.lock');
  // With exec, the shell has no child process that could outlive it and keep the lock.
  const script = 'exec 9> "$0"; flock 9; echo locked; exec sleep 1000';
  const holder = spawn('sh', ['-c', script, lock], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(holder.stdout as NodeJS.ReadableStream, 'data');
  return holder;
}

test('two runs at once make the same once: one waits, and says so', async () => {
  let made = 0;
  let finish = () => {};
  const make = (path: string) => {
    made++;
    writeFileSync(path, 'a kernel');
    return new Promise<void>((resolve) => {
      finish = resolve;
    });
  };
  const first = cached('lab-kernel/key', make);
  await until(() => made === 1);
  const second = cached('lab-kernel/key', make);
  await until(() => said.length > 0);
  finish();
  expect(await second).toBe(await first);
  expect(readFileSync(await second, 'utf8')).toBe('a kernel');
  expect([made, said]).toEqual([1, [waiting]]);
});

test('what failed in one run is made by the one that waited', async () => {
  let fail: (() => void) | undefined;
  const broken = cached(
    'lab-kernel/key',
    () =>
      new Promise((_, reject) => {
        fail = () => reject(new Error('no sources'));
      }),
  );
  const failure = expect(broken).rejects.toThrow('no sources');
  await until(() => fail !== undefined);
  const second = cached('lab-kernel/key', async (path) => writeFileSync(path, 'made'));
  await until(() => said.includes(waiting));
  fail?.();
  await failure;
  expect(readFileSync(await second, 'utf8')).toBe('made');
});

test('a process that is killed leaves no lock behind', async () => {
  const holder = await holdLock();
  const path = cached('lab-kernel/key', async (made) => writeFileSync(made, 'made'));
  await until(() => said.includes(waiting));
  holder.kill('SIGKILL');
  expect(readFileSync(await path, 'utf8')).toBe('made');
});

test('without flock nobody waits', async () => {
  const holder = await holdLock();
  process.env.PATH = '/nonexistent';
  const path = await cached('lab-kernel/key', async (made) => writeFileSync(made, 'made'));
  expect(readFileSync(path, 'utf8')).toBe('made');
  expect(said).toEqual([]);
  holder.kill('SIGKILL');
});

test('a build says each minute how far it is, also where there is no terminal', async () => {
  const make = join(folder, 'make');
  const steps = 'i=0; while [ $i -lt 500 ]; do echo "  CC  $i.o"; i=$((i + 1)); done';
  writeFileSync(make, `#!/bin/sh\n${steps}\necho "$@" > ${folder}/arguments\n`);
  chmodSync(make, 0o755);
  process.env.PATH = `${folder}:${PATH}`;
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'setTimeout', 'queueMicrotask'] });
  await sayEachMinute(async () => {
    await compileKernel('/source', '/output');
    expect(said).toEqual([]);
    jest.advanceTimersByTime(120_000);
  });
  jest.advanceTimersByTime(120_000);
  const line = expect.stringMatching(/^compiling the kernel: step 50\d of about 2000, 25 %\n$/);
  expect(said).toEqual([line, line]);
  expect(readFileSync(join(folder, 'arguments'), 'utf8')).toMatch(
    /^-C \/source O=\/output -j\d+ bzImage\n/,
  );
});
