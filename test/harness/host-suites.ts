// SPDX-License-Identifier: MIT
// The suites that run on the host: jest, and the C++ tests of developer builds.
import { type ExecFileException, execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism, release } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { nodeOf } from '../../tools/node-versions.js';
import { projectRoot } from '../../tools/paths.js';
import { type Environment, runJest, runReporting } from './child.js';
import { DoctestReader } from './doctest.js';
import { type Instrument, instruments, withReports } from './instruments.js';
import { NOTHING } from './name-pattern.js';
import type { Ending } from './recorder.js';
import type { Listener, Suite } from './suite.js';

const execute = promisify(execFile);

/** The tests on the host, which need no VFIO. */
export const unitSuite: Suite = {
  name: 'unit',
  seconds: 70,
  list: (listener) => runUnit('list-reporter', NOTHING, listener),
  run: (pattern, listener) => runUnit('reporter', pattern, listener),
};

/** The same, with one worker less, because a machine at the same time keeps one processor busy. */
export const unitSuiteBesideMachine: Suite = {
  ...unitSuite,
  seconds: 170,
  run: (pattern, listener) =>
    runUnit('reporter', pattern, listener, [
      `--maxWorkers=${Math.max(1, availableParallelism() - 1)}`,
    ]),
};

/** The same on another Node version, which is installed into the cache folder. */
export function nodeSuite(major: string): Suite {
  const node = async () => (await nodeOf(major)).path;
  return {
    name: `unit-node${major}`,
    seconds: 70,
    list: async (listener) => runUnit('list-reporter', NOTHING, listener, [], {}, await node()),
    run: async (pattern, listener) => runUnit('reporter', pattern, listener, [], {}, await node()),
  };
}

/** The same on a developer build, under an instrument. */
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

/** The C++ tests, if a developer build exists: that of `npm run build:asan`, else that of `build:debug`. */
export function nativeSuites(): Suite[] {
  const debug = nativeSuite('native', join(projectRoot, 'build/debug'));
  const builds = [watchedNativeSuite(instruments.asan), debug];
  return builds.filter(({ build }) => existsSync(join(build, 'vfio_native_tests'))).slice(0, 1);
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

/** Builds the changed files of the C++ tests, then runs the tests. */
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
    return { how: `its build failed: ${message}\n${stdout}`, crashed: true, kernelLog: [] };
  }
  event({ event: 'run', kernel: release() });
  const reader = new DoctestReader(event, new RegExp(pattern ?? '', 'i'));
  const program = join(directory, 'vfio_native_tests');
  const command = [...wrapper, program, '--reporters=xml', ...args];
  return runReporting(command, output, (line) => reader.push(line), env);
}
