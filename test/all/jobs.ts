// SPDX-License-Identifier: MIT
// The commands that `npm run test:all` adds to `npm test`. Each job is one command. Commands without a fixed length,
// such as the fuzzers, are short here.
import { hasLabKernel } from '../../vm/lab-kernel.js';

export interface Job {
  readonly name: string;
  /** The arguments of `npm run -s`. */
  readonly command: readonly string[];
  /** About how long it takes on two idle processors. It only decides on the order in which jobs start. */
  readonly seconds: number;
  readonly env?: Readonly<Record<string, string>>;
  /** The suites that it runs. In each of them, at least one test must pass. */
  readonly suites: readonly string[];
}

/** The tests of memory that is shared between threads, freed or revoked. */
const ASAN = 'F1/|F2/|F11/|F12/|F17/';
const TSAN = 'F2/|F11/|[Gg]rant|adopt|another thread';
/** The tests of behaviour that can differ between Node versions: JIT, threads and their ends, finalizers. */
const NODE_LINES = 'F1/|F11/|F12/|F16/|F17/';

/** `npm test` runs only a few rounds of each. */
const MORE_ROUNDS = {
  VFIO_TEST_GRANTS: '1000',
  VFIO_TEST_TERMINATIONS: '200',
  VFIO_TEST_INTERRUPTS: '10000000',
};

const jobs: readonly Job[] = [
  {
    name: 'more rounds',
    command: ['test:unit', '--', '--name', 'F10/ .* by a listener|F11/ .* (grants|at any moment)'],
    env: MORE_ROUNDS,
    seconds: 120,
    suites: ['unit'],
  },
  {
    name: "all device tests on the distribution's kernel",
    command: ['test:vm', '--', '--kernel', 'distro'],
    seconds: 170,
    suites: ['vm-distro', 'vm-hotplug-distro'],
  },
  {
    name: 'AddressSanitizer',
    command: ['test:asan', '--', '--name', ASAN],
    seconds: 180,
    suites: ['unit-asan', 'native-asan'],
  },
  {
    name: 'ThreadSanitizer',
    command: ['test:tsan', '--', '--name', TSAN],
    seconds: 240,
    suites: ['unit-tsan', 'native-tsan'],
  },
  {
    name: 'valgrind',
    command: ['test:valgrind', '--', '--name', 'everything: '],
    seconds: 150,
    suites: ['unit-valgrind'],
  },
  {
    name: 'Node 26',
    command: ['test:unit', '--', '--node', '26'],
    seconds: 150,
    suites: ['unit-node26'],
  },
  {
    name: 'Node 22 and 24',
    command: ['test:unit', '--', '--node', '22,24', '--name', NODE_LINES],
    seconds: 120,
    suites: ['unit-node22', 'unit-node24'],
  },
  {
    name: 'exactness on each Node version',
    command: ['test:exact', '--', '--node', '20,22,24,26'],
    seconds: 60,
    suites: [],
  },
  // One of its rounds waits several minutes for the kernel.
  { name: 'soak', command: ['soak', '--', '--minutes', '1'], seconds: 360, suites: [] },
  { name: 'fuzzing', command: ['fuzz', '--', '--time', '20'], seconds: 100, suites: [] },
  { name: 'benchmarks run', command: ['bench', '--', '--quick'], seconds: 10, suites: [] },
  {
    name: 'NVMe benchmarks run',
    command: ['bench:nvme', '--', '--quick'],
    seconds: 10,
    suites: [],
  },
];

const onLabKernel: readonly Job[] = [
  {
    name: 'device tests as an ordinary user',
    command: ['test:vm', '--', '--suite', 'vm-user', '--kernel', 'lab'],
    seconds: 100,
    suites: ['vm-user-lab'],
  },
];

export function jobsHere(): readonly Job[] {
  return hasLabKernel() ? [...jobs, ...onLabKernel] : jobs;
}
