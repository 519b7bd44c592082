// SPDX-License-Identifier: MIT
// The suites there are.
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { VmError } from '../../vm/errors.js';
import { runInVm } from '../../vm/machine.js';
import { projectRoot } from '../../vm/paths.js';
import { compileForGuest } from './compile.js';
import { parseEvent } from './events.js';
import { guestJestArguments } from './guest-jest.js';
import { describeEnd, runJest } from './jest-child.js';
import type { Ending } from './recorder.js';
import type { Listener, Suite } from './suite.js';

/** Far more than any of them takes: ends what hangs where no test's own time-out can. */
const SUITE_LIMIT_SECONDS = 300;
/** No name matches: every file is loaded and nothing is run. */
const NOTHING = '(?!)';

const guestRoot = join(projectRoot, 'build/guest');

/** The tests that need no VFIO, on the host. */
export const unitSuite: Suite = {
  name: 'unit',
  list: (listener) => runUnit('list-reporter', NOTHING, listener),
  run: (pattern, listener) => runUnit('reporter', pattern, listener),
};

/** The tests inside the test machine, on one of its kernels. */
export function vmSuite(kernel: 'distro' | 'lab'): Suite {
  return {
    name: `vm-${kernel}`,
    async list(listener) {
      await compileForGuest(projectRoot, guestRoot);
      const args = guestJestArguments(guestRoot, 'list-reporter', NOTHING);
      return runJest(args, SUITE_LIMIT_SECONDS, listener);
    },
    async run(pattern, listener) {
      await compileForGuest(projectRoot, guestRoot);
      return runGuest(kernel, pattern, listener);
    },
  };
}

function runUnit(reporter: string, pattern: string | undefined, listener: Listener) {
  const path = join(projectRoot, `dist/test/harness/${reporter}.js`);
  const select = pattern === undefined ? [] : ['--testNamePattern', pattern];
  const args = [
    '--config',
    join(projectRoot, 'test/jest.config.mjs'),
    '--reporters',
    path,
    ...select,
  ];
  return runJest(args, SUITE_LIMIT_SECONDS, listener);
}

async function runGuest(
  kernel: string,
  pattern: string | undefined,
  listener: Listener,
): Promise<Ending> {
  const output = new Writable({
    write(chunk: Buffer, _encoding, done) {
      listener.output(chunk.toString());
      done();
    },
  });
  const program = join(guestRoot, 'test/harness/guest.js');
  try {
    const { status, signal, kernelLog } = await runInVm({
      kernel,
      command: ['node', program, ...(pattern === undefined ? [] : [pattern])],
      // build/guest is no package that has binaries.
      env: { VFIO_BINARY: join(projectRoot, 'build/Release/vfio.node') },
      time: SUITE_LIMIT_SECONDS,
      stdout: output,
      stderr: output,
      onResult: (line) => listener.event(parseEvent(line)),
    });
    const crashed = signal !== null || (status ?? 0) > 1;
    return { how: describeEnd(status, signal), crashed, kernelLog: kernelLog.split('\n') };
  } catch (error) {
    if (!(error instanceof VmError)) throw error;
    return { how: error.message, crashed: true, kernelLog: error.kernelLog.split('\n') };
  }
}
