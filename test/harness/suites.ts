// SPDX-License-Identifier: MIT
// The suites there are.
import { type ExecFileException, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { promisify } from 'node:util';
import { undoOnExit } from '../../vm/cleanup.js';
import { VmError } from '../../vm/errors.js';
import { hasLabKernel } from '../../vm/lab-kernel.js';
import { runInVm } from '../../vm/machine.js';
import { projectRoot } from '../../vm/paths.js';
import { describeEnd, killGroup, runJest, runReporting, SUITE_LIMIT_SECONDS } from './child.js';
import { compileForGuest } from './compile.js';
import { DoctestReader } from './doctest.js';
import { parseEvent } from './events.js';
import { guestJestArguments } from './guest-jest.js';
import type { Ending } from './recorder.js';
import { allBut, parseRootOnly } from './root-only.js';
import type { Listener, Suite } from './suite.js';

/** No name matches: every file is loaded and nothing is run. */
const NOTHING = '(?!)';

const execute = promisify(execFile);
const guestRoot = join(projectRoot, 'build/guest');

/** The tests that need no VFIO, on the host. */
export const unitSuite: Suite = {
  name: 'unit',
  seconds: 70,
  list: (listener) => runUnit('list-reporter', NOTHING, listener),
  run: (pattern, listener) => runUnit('reporter', pattern, listener),
};

function runUnit(reporter: string, pattern: string | undefined, listener: Listener) {
  const path = join(projectRoot, `dist/test/harness/${reporter}.js`);
  const config = join(projectRoot, 'test/jest.config.mjs');
  const select = pattern === undefined ? [] : ['--testNamePattern', pattern];
  return runJest(['--config', config, '--reporters', path, ...select], listener);
}

/** The C++ tests of those developer builds that have been made (npm run build:debug, build:asan). */
export function nativeSuites(): Suite[] {
  const builds = { native: 'build/debug', 'native-asan': 'build/asan' };
  return Object.entries(builds)
    .map(([name, directory]) => ({ name, directory: join(projectRoot, directory) }))
    .filter(({ directory }) => existsSync(join(directory, 'vfio_native_tests')))
    .map(({ name, directory }) => ({
      name,
      seconds: 5,
      list: (listener) => runNative(directory, undefined, ['--list-test-cases'], listener),
      run: (pattern, listener) => runNative(directory, pattern, ['--duration=true'], listener),
    }));
}

/** Builds what has changed since, then runs it. */
async function runNative(
  directory: string,
  pattern: string | undefined,
  args: readonly string[],
  { event, output }: Listener,
): Promise<Ending> {
  try {
    await execute('cmake', ['--build', directory, '--target', 'vfio_native_tests']);
  } catch (error) {
    const { message, stdout } = error as ExecFileException;
    return { how: `${message}\n${stdout}`, crashed: true, kernelLog: [] };
  }
  event({ event: 'run', kernel: release() });
  const reader = new DoctestReader(event, new RegExp(pattern ?? '', 'i'));
  const command = [join(directory, 'vfio_native_tests'), '--reporters=xml', ...args];
  return runReporting(command, output, (line) => reader.push(line));
}

export type VmKernel = 'distro' | 'lab';

/** The tests inside the test machine, on one of its kernels. */
export function vmSuite(kernel: VmKernel): Suite {
  return {
    name: `vm-${kernel}`,
    seconds: kernel === 'lab' ? 130 : 150,
    list: listGuest,
    run: (pattern, listener) => runGuest(kernel, 'guest.js', pattern, listener),
  };
}

/** The same by an ordinary user, without those that only root can do. */
export function userSuite(kernel: VmKernel): Suite {
  const allowed = new RegExp(exceptRootOnly());
  return {
    name: `vm-user-${kernel}`,
    seconds: 120,
    list: ({ event, output }) =>
      listGuest({
        event: (one) => {
          if (one.event !== 'listed' || allowed.test(one.name)) event(one);
        },
        output,
      }),
    run: (pattern, listener) =>
      runGuest(kernel, 'guest-user.js', exceptRootOnly(pattern), listener),
  };
}

function exceptRootOnly(pattern?: string): string {
  const path = join(projectRoot, 'test/root-only.txt');
  return allBut(parseRootOnly(readFileSync(path, 'utf8')), pattern);
}

let compiled: Promise<void> | undefined;

/** Both machines look at the same files. */
function guestFiles(): Promise<void> {
  compiled ??= compileForGuest(projectRoot, guestRoot);
  return compiled;
}

/** Part of the set-up, once. When it fails it says why, and the machine then says that there is no kernel. */
async function buildLabKernelIfMissing(): Promise<void> {
  if (hasLabKernel()) return;
  process.stderr.write('There is no lab kernel yet: building it takes about 11 CPU minutes.\n');
  const build = spawn('npm', ['run', '-s', 'vm:kernel'], {
    cwd: projectRoot,
    stdio: ['ignore', 2, 2],
    detached: true,
  });
  const done = undoOnExit(() => killGroup(build));
  await once(build, 'close');
  done();
}

async function listGuest(listener: Listener): Promise<Ending> {
  await guestFiles();
  return runJest(guestJestArguments(guestRoot, 'list-reporter', NOTHING), listener);
}

async function runGuest(
  kernel: VmKernel,
  main: 'guest.js' | 'guest-user.js',
  pattern: string | undefined,
  { event, output }: Listener,
): Promise<Ending> {
  await guestFiles();
  if (kernel === 'lab') await buildLabKernelIfMissing();
  const printed = new Writable({
    write(chunk: Buffer, _encoding, done) {
      output(chunk.toString());
      done();
    },
  });
  const program = join(guestRoot, 'test/harness', main);
  try {
    const { status, signal, kernelLog } = await runInVm({
      kernel,
      command: ['node', program, ...(pattern === undefined ? [] : [pattern])],
      // build/guest is no package that has binaries.
      env: { VFIO_BINARY: join(projectRoot, 'build/Release/vfio.node') },
      time: SUITE_LIMIT_SECONDS,
      stdout: printed,
      stderr: printed,
      onResult: (line) => event(parseEvent(line)),
    });
    return { ...describeEnd(status, signal), kernelLog: kernelLog.split('\n') };
  } catch (error) {
    if (!(error instanceof VmError)) throw error;
    return { how: error.message, crashed: true, kernelLog: error.kernelLog.split('\n') };
  }
}
