// SPDX-License-Identifier: MIT
// Runs the device tests as an ordinary user. Root starts it as `node build/guest/test/harness/guest-user.js MACHINE
// [PATTERN]`. Like an administrator, it binds the devices and gives their nodes to the user. Then it runs guest.ts
// without any capability.
import { spawnSync } from 'node:child_process';
import { chownSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bindDevice } from '../../lib/index.js';
import { readDevice } from '../../lib/pci.js';
import { edu, ivshmem, nic, nvme, pair, rng, testdev } from '../../vm/devices.js';
import { ordinaryUser } from '../support/user.js';
import { CHANNEL_VARIABLE } from './events.js';
import { openShared } from './guest-shared.js';
import { KERNEL_LOG_VARIABLE } from './kmsg.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const program = fileURLToPath(new URL('guest.js', import.meta.url));

/** The variables that name descriptors. Only root can open these descriptors, so the user's process inherits them. */
const passedOn = [CHANNEL_VARIABLE, KERNEL_LOG_VARIABLE];

async function handOver(): Promise<void> {
  const { uid } = ordinaryUser;
  for (const { address } of [edu, nvme, ...pair, nic, rng, testdev, ivshmem]) {
    await bindDevice(address);
    chownSync(`/dev/vfio/${readDevice(address)?.iommuGroup}`, uid, uid);
  }
}

/** Runs guest.ts as the user, without capabilities, unable to gain any, and with a limit on locked memory. */
function runAsUser(tests: readonly string[]): number {
  const { uid, memlock } = ordinaryUser;
  const [command, ...args] = [
    ...['prlimit', `--memlock=${memlock}`],
    ...['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'],
    ...['--bounding-set=-all', '--inh-caps=-all', '--no-new-privs'],
    ...[process.execPath, program, ...tests],
  ] as const;
  const descriptors = passedOn.map((name) => Number(process.env[name]));
  const numbers = passedOn.map((name, index) => [name, String(3 + index)]);
  const { status, signal, error } = spawnSync(command, args, {
    stdio: ['ignore', 'inherit', 'inherit', ...descriptors],
    env: { ...process.env, ...Object.fromEntries(numbers) },
  });
  if (error !== undefined) throw error;
  if (signal !== null) process.kill(process.pid, signal);
  return status ?? 1;
}

async function main(tests: readonly string[]): Promise<void> {
  openShared(root);
  await handOver();
  process.exitCode = runAsUser(tests);
}

void main(process.argv.slice(2));
