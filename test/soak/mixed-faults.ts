// SPDX-License-Identifier: MIT
// The faults of the mixed load. At the end of each, all devices are as before.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { nvme, nvmeDisk as nvmeDrive, pair, rootPort } from '../../vm/devices.js';
import { plug, unplug, untilUnplugged } from '../../vm/host.js';
import { Edu } from '../support/edu.js';
import { Peer } from '../support/peer.js';
import { driverOf, nvmeDisk } from '../support/sysfs.js';
import { until } from '../support/until.js';
import type { Rig } from './mixed-rig.js';

export interface Fault {
  readonly name: string;
  /** The device whose pending operations the fault makes fail. */
  readonly hits: 'edu' | 'nvme' | undefined;
  strike(rig: Rig): Promise<void>;
}

const memoryDecode = 2;

/** How long the registers cannot be accessed, in milliseconds. */
const OFF_MS = 50;

/** Makes the registers inaccessible for a while, whatever the device is doing. */
const decodeOff: Fault = {
  name: 'memory decode off',
  hits: 'edu',
  async strike({ edu }) {
    edu.config.command &= ~memoryDecode;
    await sleep(OFF_MS);
    const failure = failureOf(() => edu.bar(0).read32(0));
    edu.config.command |= memoryDecode;
    if (failure !== 'ERR_VFIO_BUS') throw new Error(`with memory decode off: ${failure}`);
    await new Edu(edu).idle();
  },
};

function failureOf(access: () => unknown): string | undefined {
  try {
    access();
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

const reset: Fault = {
  name: 'reset',
  hits: 'nvme',
  async strike(rig) {
    await rig.nvme.reset();
    await rig.controller.close();
    await rig.openController();
  },
};

const unplugging: Fault = {
  name: 'unplug and plug',
  hits: 'nvme',
  async strike(rig) {
    const requested = once(rig.nvme, 'request');
    await unplug(nvme.id);
    await requested;
    await rig.closeNvme();
    await untilUnplugged(nvme.id);
    await plug('nvme', nvme.id, { bus: rootPort.id, serial: 'vfio-nvme-0', drive: nvmeDrive });
    await until(() => driverOf(nvme) === 'nvme', 'nvme has the controller again');
    await nvmeDisk();
    await rig.openNvme();
  },
};

const kill: Fault = {
  name: 'kill of another process',
  hits: undefined,
  async strike() {
    await using peer = new Peer();
    await peer.call('openDevice', pair[0].address);
    await peer.call('startDma');
    await peer.kill('SIGKILL');
  },
};

export const faults: readonly Fault[] = [decodeOff, reset, unplugging, kill];
