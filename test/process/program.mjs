// SPDX-License-Identifier: MIT
// Helpers for the programs of the process suites, in the main thread and in workers. They use the package as it is
// shipped (dist/lib), on a machine whose devices are memory.
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

export { once } from 'node:events';
export { parentPort, workerData } from 'node:worker_threads';
export { adopt, Container, openDevice } from 'vfio';
export { sleep };

/** @typedef {import('../../tools/testing-addon.js').DeviceSpec} DeviceSpec */
/** @typedef {import('../../tools/testing-addon.js').Machine} Machine */

const require = createRequire(import.meta.url);
const { testing } = require(process.env.VFIO_BINARY ?? 'VFIO_BINARY is not set');

/** @type {(...devices: DeviceSpec[]) => Machine} */
export const useMachine = (...devices) => testing.useMachine(devices);
/** @type {import('../../tools/testing-addon.js').Syscalls} */
export const syscalls = testing.syscalls;
/** @type {import('../../tools/testing-addon.js').AccessTrap | undefined} */
export const trap = testing.trap;
/** @type {(id: number) => Machine} */
export const joinMachine = testing.joinMachine;

export const address = '0000:01:00.0';
export const mate = '0000:01:00.1';
/** @type {DeviceSpec[]} */
export const specs = [
  {
    address,
    group: 1,
    bars: [{ size: 0x1000 }, { size: 0x1000, mappable: false }],
    msix: 4,
    err: true,
  },
  { address: mate, group: 1 },
];

/**
 * Starts a worker that runs this source. Most exports of this file are in its scope.
 * @param {string} body
 * @param {unknown} [data]
 */
export function startWorker(body, data) {
  const names =
    'address, mate, specs, useMachine, joinMachine, openDevice, adopt, Container, once, sleep, until, parentPort, workerData';
  const source = `import { ${names} } from ${JSON.stringify(import.meta.url)};\n${body}`;
  return new Worker(source, {
    eval: true,
    workerData: data,
    execArgv: ['--input-type=module'],
  });
}

/**
 * Resolves when the thread has ended in any way.
 * @param {Worker} worker
 * @returns {Promise<number>}
 */
export function ended(worker) {
  return new Promise((resolve) => worker.once('exit', resolve));
}

/**
 * Waits until something holds that another thread does.
 * @param {() => boolean} holds
 */
export async function until(holds) {
  // Only ends a test that hangs.
  const deadline = Date.now() + 60_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`not within 60 s: ${holds}`);
    await sleep(1);
  }
}

/**
 * The numbers of open objects, which must all be zero at the end.
 * @param {Machine} machine
 */
export function counts(machine) {
  const { containers, groups } = machine.counts();
  const { functions, eventfds } = machine.device(address).counts();
  return { containers, groups, functions, eventfds };
}

/** @param {Machine} machine */
export function isFree(machine) {
  return Object.values(counts(machine)).every((count) => count === 0);
}
