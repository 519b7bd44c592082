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
import { nodeOf } from '../exact/nodes.js';
import {
  describeEnd,
  type Environment,
  killGroup,
  runJest,
  runReporting,
  SUITE_LIMIT_SECONDS,
} from './child.js';
import { compileForGuest } from './compile.js';
import { DoctestReader } from './doctest.js';
import { parseEvent } from './events.js';
import { type GuestFolder, guestJestArguments } from './guest-jest.js';
import { type Instrument, instruments, withReports } from './instruments.js';
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

/** The same on another line of Node, which is installed into the cache folder. */
export function nodeSuite(major: string): Suite {
  const node = async () => (await nodeOf(major)).path;
  return {
    name: `unit-node${major}`,
    seconds: 70,
    list: async (listener) => runUnit('list-reporter', NOTHING, listener, [], {}, await node()),
    run: async (pattern, listener) => runUnit('reporter', pattern, listener, [], {}, await node()),
  };
}

/** The same on a developer build that is watched. */
export function watchedUnitSuite(instrument: Instrument): Suite {
  const name = `unit-${instrument.name}`;
  const { build, patience, jest } = instrument;
  return {
    name,
    seconds: 70 * patience,
    list: (listener) => runUnit('list-reporter', NOTHING, listener, jest),
    run: (pattern, listener) =>
      withReports(name, listener.event, (reports) =>
        runUnit('reporter', pattern, listener, jest, {
          ...instrument.environment(reports),
          VFIO_BINARY: join(build, 'Debug/vfio_testing.node'),
          VFIO_TEST_WRAPPER: instrument.wrapper(reports).join(' '),
          VFIO_TEST_PATIENCE: String(patience),
        }),
      ),
  };
}

function runUnit(
  reporter: string,
  pattern: string | undefined,
  listener: Listener,
  more: readonly string[] = [],
  env?: Environment,
  node?: string,
) {
  const path = join(projectRoot, `dist/test/harness/${reporter}.js`);
  const config = join(projectRoot, 'test/jest.config.mjs');
  const select = pattern === undefined ? [] : ['--testNamePattern', pattern];
  return runJest(
    ['--config', config, '--reporters', path, ...select, ...more],
    listener,
    env,
    node,
  );
}

/** The C++ tests of those developer builds that have been made (npm run build:debug, build:asan). */
export function nativeSuites(): Suite[] {
  const debug = nativeSuite('native', join(projectRoot, 'build/debug'));
  const builds = [debug, watchedNativeSuite(instruments.asan)];
  return builds.filter(({ build }) => existsSync(join(build, 'vfio_native_tests')));
}

interface NativeSuite extends Suite {
  readonly build: string;
}

export function watchedNativeSuite(instrument: Instrument): NativeSuite {
  return nativeSuite(`native-${instrument.name}`, instrument.build, instrument);
}

function nativeSuite(name: string, build: string, instrument?: Instrument): NativeSuite {
  return {
    name,
    build,
    seconds: 5 * (instrument?.patience ?? 1),
    list: (listener) => runNative(build, undefined, ['--list-test-cases'], listener),
    run: (pattern, listener) =>
      withReports(name, listener.event, (reports) =>
        runNative(build, pattern, ['--duration=true'], listener, {
          wrapper: instrument?.wrapper(reports) ?? [],
          env: instrument?.environment(reports) ?? {},
        }),
      ),
  };
}

/** Builds what has changed since, then runs it. */
async function runNative(
  directory: string,
  pattern: string | undefined,
  args: readonly string[],
  { event, output }: Listener,
  { wrapper, env }: { wrapper: string[]; env: Environment } = { wrapper: [], env: {} },
): Promise<Ending> {
  try {
    await execute('cmake', ['--build', directory, '--target', 'vfio_native_tests']);
  } catch (error) {
    const { message, stdout } = error as ExecFileException;
    return { how: `${message}\n${stdout}`, crashed: true, kernelLog: [] };
  }
  event({ event: 'run', kernel: release() });
  const reader = new DoctestReader(event, new RegExp(pattern ?? '', 'i'));
  const program = join(directory, 'vfio_native_tests');
  const command = [...wrapper, program, '--reporters=xml', ...args];
  return runReporting(command, output, (line) => reader.push(line), env);
}

export type VmKernel = 'distro' | 'lab';

/** The tests inside the test machine, on one of its kernels. */
export function vmSuite(kernel: VmKernel, instrument?: Instrument): Suite {
  const watched = instrument === undefined ? '' : `-${instrument.name}`;
  return {
    name: `vm-${kernel}${watched}`,
    seconds: (kernel === 'lab' ? 130 : 150) * (instrument?.patience ?? 1),
    list: (listener) => listGuest('vm', listener),
    run: (pattern, listener) =>
      runGuest({ kernel, folder: 'vm', main: 'guest.js', instrument }, pattern, listener),
  };
}

/** The same by an ordinary user, without those that only root can do. */
export function userSuite(kernel: VmKernel): Suite {
  const allowed = new RegExp(exceptRootOnly());
  return {
    name: `vm-user-${kernel}`,
    seconds: 120,
    list: ({ event, output }) =>
      listGuest('vm', {
        event: (one) => {
          if (one.event !== 'listed' || allowed.test(one.name)) event(one);
        },
        output,
      }),
    run: (pattern, listener) => {
      const run = { kernel, folder: 'vm', main: 'guest-user.js' } as const;
      return runGuest(run, exceptRootOnly(pattern), listener);
    },
  };
}

/** In a machine without an IOMMU, on the kernel that can hand out devices all the same. */
export const noIommuSuite: Suite = {
  name: 'vm-no-iommu',
  seconds: 20,
  list: (listener) => listGuest('no-iommu', listener),
  run: (pattern, listener) => {
    const run = { kernel: 'lab', folder: 'no-iommu', main: 'guest.js', iommu: false } as const;
    return runGuest(run, pattern, listener);
  },
};

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

async function listGuest(folder: GuestFolder, listener: Listener): Promise<Ending> {
  await guestFiles();
  return runJest(guestJestArguments(guestRoot, folder, 'list-reporter', NOTHING), listener);
}

interface GuestRun {
  readonly kernel: VmKernel;
  readonly folder: GuestFolder;
  readonly main: 'guest.js' | 'guest-user.js';
  readonly iommu?: boolean;
  readonly instrument?: Instrument | undefined;
}

async function runGuest(
  { kernel, folder, main, iommu = true, instrument }: GuestRun,
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
      iommu,
      ...guestProgram([program, folder, ...(pattern === undefined ? [] : [pattern])], instrument),
      time: SUITE_LIMIT_SECONDS * (instrument?.patience ?? 1),
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

/** Where programs in the guest report; its own `/tmp`, which everybody may write to. */
const GUEST_REPORTS = '/tmp/reports';

/** Runs node, and tells what was reported. */
const RUN_AND_TELL_REPORTS = `
  mkdir -m 1777 ${GUEST_REPORTS}
  LD_PRELOAD=$WATCH node "$@"
  status=$?
  node ${join(guestRoot, 'test/harness/guest-reports.js')} ${GUEST_REPORTS} || exit
  exit $status`;

/** What tests in the guest are told from outside. */
function passedOn(): Environment {
  const { VFIO_TEST_RACES = '', VFIO_TEST_ALLOCATIONS = '' } = process.env;
  return { VFIO_TEST_RACES, VFIO_TEST_ALLOCATIONS };
}

/** build/guest is no package that has binaries: the one to use is named. */
function guestProgram(args: readonly string[], instrument: Instrument | undefined) {
  if (instrument === undefined) {
    const env = { ...passedOn(), VFIO_BINARY: join(projectRoot, 'build/Release/vfio.node') };
    return { command: ['node', ...args], env };
  }
  const { LD_PRELOAD: WATCH = '', ...settings } = instrument.environment(GUEST_REPORTS);
  return {
    command: ['sh', '-c', RUN_AND_TELL_REPORTS, 'sh', ...args],
    env: {
      ...passedOn(),
      ...settings,
      WATCH,
      VFIO_BINARY: join(instrument.build, 'Debug/vfio.node'),
    },
  };
}
