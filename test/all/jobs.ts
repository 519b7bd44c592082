// SPDX-License-Identifier: MIT
// The commands that `npm run test:all` adds to `npm test`. Each job is a command of its own; those that can go on for
// as long as one likes are short here.
import { hasLabKernel } from '../../vm/lab-kernel.js';

export interface Job {
  readonly name: string;
  /** The arguments of `npm run -s`. */
  readonly command: readonly string[];
  /** About how long it takes on two quiet processors; only the order in which jobs begin depends on it. */
  readonly seconds: number;
  readonly env?: Readonly<Record<string, string>>;
  /** The suites it runs: of each, a test has to have passed. */
  readonly suites: readonly string[];
}

/** Where memory is shared between threads, given back or taken away. */
const ASAN = 'F1/|F2/|F11/|F12/|F17/';
const TSAN = 'F2/|F11/|[Gg]rant|adopt|another thread';
/** Where lines of Node differ: JIT, threads, their ends, finalizers. */
const NODE_LINES = 'F1/|F11/|F12/|F16/|F17/';

/** `npm test` has a few of each. */
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
    name: 'the kernel of the distribution, whole',
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
    name: 'exactness on each line of Node',
    command: ['test:exact', '--', '--node', '20,22,24,26'],
    seconds: 60,
    suites: [],
  },
  // One of its rounds waits for the kernel for minutes.
  { name: 'soak', command: ['soak', '--', '--minutes', '1'], seconds: 360, suites: [] },
  { name: 'fuzzing', command: ['fuzz', '--', '--time', '20'], seconds: 100, suites: [] },
  { name: 'benchmarks run', command: ['bench', '--', '--quick'], seconds: 10, suites: [] },
];

const onLabKernel: readonly Job[] = [
  {
    name: 'an ordinary user',
    command: ['test:vm', '--', '--suite', 'vm-user', '--kernel', 'lab'],
    seconds: 100,
    suites: ['vm-user-lab'],
  },
];

export function jobsHere(): readonly Job[] {
  return hasLabKernel() ? [...jobs, ...onLabKernel] : jobs;
}
