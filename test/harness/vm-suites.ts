// SPDX-License-Identifier: MIT
// The suites that run in the test machine, each in a machine of its own.
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { projectRoot } from '../../tools/paths.js';
import { VmError } from '../../vm/errors.js';
import type { VmKernel } from '../../vm/kernels.js';
import { runInVm } from '../../vm/machine.js';
import { describeEnd, type Environment, runJest, SUITE_LIMIT_SECONDS } from './child.js';
import { compileForGuest } from './compile.js';
import { parseEvent } from './events.js';
import { guestJestArguments } from './guest-jest.js';
import type { GuestMachine } from './guest-suite.js';
import type { Instrument } from './instruments.js';
import { NOTHING } from './name-pattern.js';
import type { Ending } from './recorder.js';
import type { Listener, Suite } from './suite.js';
import { allBut, onlyOf, readTestList } from './test-list.js';

const guestRoot = join(projectRoot, 'build/guest');

/** The device tests on one kernel. */
export function vmSuite(kernel: VmKernel, instrument?: Instrument): Suite {
  return guestSuite(`vm-${kernel}`, 110, { kernel, machine: 'vm', main: 'guest.js', instrument });
}

/** The device tests that can crash QEMU: slots that lose power, devices that are unplugged while they work. */
export function hotplugSuite(kernel: VmKernel, instrument?: Instrument): Suite {
  const run = { kernel, machine: 'hotplug', main: 'guest.js', instrument } as const;
  return { ...guestSuite(`vm-hotplug-${kernel}`, 40, run), last: true };
}

/** The same two suites, with only the tests whose outcome depends on the kernel. */
export function perKernelSuites(kernel: VmKernel): Suite[] {
  const list = readTestList('per-kernel.txt');
  const select = (pattern?: string) => onlyOf(list, pattern);
  return [
    { ...narrowed(vmSuite(kernel), select), seconds: 40 },
    { ...narrowed(hotplugSuite(kernel), select), seconds: 15 },
  ];
}

/** The device tests as an ordinary user, without those that only root can pass. */
export function userSuite(kernel: VmKernel): Suite {
  const run = { kernel, machine: 'vm', main: 'guest-user.js' } as const;
  const list = readTestList('root-only.txt');
  return narrowed(guestSuite(`vm-user-${kernel}`, 90, run), (pattern) => allBut(list, pattern));
}

/** The tests in a machine whose IOMMU is off, on the lab kernel, which supports VFIO's no-IOMMU mode. */
export const noIommuSuite = guestSuite('vm-no-iommu', 20, {
  kernel: 'lab',
  machine: 'no-iommu',
  main: 'guest.js',
  iommu: false,
});

interface GuestRun {
  readonly kernel: VmKernel;
  readonly machine: GuestMachine;
  readonly main: 'guest.js' | 'guest-user.js';
  readonly iommu?: boolean;
  readonly instrument?: Instrument | undefined;
}

function guestSuite(name: string, seconds: number, run: GuestRun): Suite {
  const { instrument, machine } = run;
  return {
    name: instrument === undefined ? name : `${name}-${instrument.name}`,
    seconds: seconds * (instrument?.patience ?? 1),
    list: (listener) => listGuest(machine, listener),
    run: (pattern, listener) => runGuest(run, pattern, listener),
  };
}

/** A suite with only some of its tests. `select` turns a pattern into one that matches only those tests. */
function narrowed(suite: Suite, select: (pattern?: string) => string): Suite {
  const wanted = new RegExp(select());
  return {
    ...suite,
    list: ({ event, output }) =>
      suite.list({
        event: (one) => {
          if (one.event !== 'listed' || wanted.test(one.name)) event(one);
        },
        output,
      }),
    run: (pattern, listener) => suite.run(select(pattern), listener),
  };
}

let compiled: Promise<void> | undefined;

/** Compiles the project for the guest, once for all suites: all machines read the same files. */
function guestFiles(): Promise<void> {
  compiled ??= compileForGuest(projectRoot, guestRoot);
  return compiled;
}

async function listGuest(machine: GuestMachine, listener: Listener): Promise<Ending> {
  await guestFiles();
  return runJest(guestJestArguments(guestRoot, machine, 'list-reporter', NOTHING), listener);
}

async function runGuest(
  { kernel, machine, main, iommu = true, instrument }: GuestRun,
  pattern: string | undefined,
  { event, output }: Listener,
): Promise<Ending> {
  await guestFiles();
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
      ...guestProgram([program, machine, ...(pattern === undefined ? [] : [pattern])], instrument),
      time: SUITE_LIMIT_SECONDS * (instrument?.patience ?? 1),
      stdout: printed,
      stderr: printed,
      onResult: (line) => event(parseEvent(line)),
    });
    return { ...describeEnd(status, signal), kernelLog: kernelLog.split('\n') };
  } catch (error) {
    if (!(error instanceof VmError)) throw error;
    return {
      how: error.message,
      crashed: true,
      emulatorCrashed: error.code === 'ERR_VM_CRASHED',
      kernelLog: error.kernelLog.split('\n'),
    };
  }
}

/** The folder of the reports in the guest. It is in the guest's own `/tmp`, so that every user can write to it. */
const GUEST_REPORTS = '/tmp/reports';

/** A shell script that runs node under the instrument, then sends the reports. */
const RUN_AND_TELL_REPORTS = `
  mkdir -m 1777 ${GUEST_REPORTS}
  LD_PRELOAD=$WATCH node "$@"
  status=$?
  node ${join(guestRoot, 'test/harness/guest-reports.js')} ${GUEST_REPORTS} || exit
  exit $status`;

/** The variables that tests in the guest get from this process. */
function passedOn(): Environment {
  const { VFIO_TEST_RACES = '', VFIO_TEST_ALLOCATIONS = '' } = process.env;
  return { VFIO_TEST_RACES, VFIO_TEST_ALLOCATIONS };
}

/** The command that runs tests in the guest. build/guest has no addon, so VFIO_BINARY names the addon to load. */
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
