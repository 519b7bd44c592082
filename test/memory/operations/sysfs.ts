// SPDX-License-Identifier: MIT
// The operations that read and write sysfs through node:fs, where each call can fail too.
import {
  type Binding,
  bindDevice,
  findDevice,
  listDevices,
  releaseDevice,
} from '../../../lib/index.js';
import { address, groupId, type Scene } from './scene.js';

/** The means by which a scenario prepares its operation. */
export interface Prepared {
  /** Binds the device to vfio-pci with bindDevice(). */
  bind(): Promise<Binding>;
  /** Binds the device to vfio-pci as another program does, which keeps no record of it. */
  leave(): Promise<void>;
  scene: Scene;
}

export interface SysfsScenario {
  on?: string;
  prepare?(prepared: Prepared): Promise<unknown>;
  /** `made` is the result of the preparation. */
  run(prepared: Prepared, made: unknown): unknown;
  /** Whether a failure leaves no changes. If not, the next try goes on where the failed one stopped. */
  isWhole: boolean;
  /** The code of an error that it always has. A read that fails while the library diagnoses it does not replace it. */
  code?: string;
}

const restored = (restore: (binding: Binding) => PromiseLike<void>): SysfsScenario => ({
  prepare: ({ bind }) => bind(),
  run: (_, binding) => restore(binding as Binding),
  isWhole: false,
});

export const sysfsOperations: Record<string, SysfsScenario[]> = {
  listDevices: [
    { run: () => listDevices(), isWhole: true },
    { on: 'of one kind', run: () => listDevices({ vendorId: 0x1b36 }), isWhole: true },
  ],
  findDevice: [{ run: () => findDevice({ deviceId: 0x0010 }), isWhole: true }],
  bindDevice: [
    { run: ({ bind }) => bind(), isWhole: true },
    {
      on: 'that only says what it would do',
      run: () => bindDevice(address, { dryRun: true }),
      isWhole: true,
    },
  ],
  releaseDevice: [
    { prepare: ({ bind }) => bind(), run: () => releaseDevice(address), isWhole: false },
    {
      on: 'of which nothing is remembered',
      prepare: ({ leave }) => leave(),
      run: () => releaseDevice(address),
      isWhole: false,
    },
    {
      on: 'that only says what it would do',
      run: () => releaseDevice(address, { dryRun: true }),
      isWhole: true,
    },
  ],
  'Binding.restore': [restored((binding) => binding.restore())],
  'Binding.[asyncDispose]': [restored((binding) => binding[Symbol.asyncDispose]())],
};

/** The operations of the other tables that also read sysfs. */
export const sysfsLooks: Record<string, SysfsScenario[]> = {
  'Group.members': [{ run: ({ scene }) => scene.group.members, isWhole: true }],
  'Group.blockers': [{ run: ({ scene }) => scene.group.blockers, isWhole: true }],
  'Group.viable': [{ run: ({ scene }) => scene.group.viable, isWhole: true }],
  'Container.openGroup': [
    {
      on: 'of a group that is not there',
      run: ({ scene }) => scene.container.openGroup(groupId + 99),
      isWhole: true,
      code: 'ENOENT',
    },
  ],
  'Container.openDevice': [
    {
      on: 'of a device that is not there',
      run: ({ scene }) => scene.container.openDevice('0000:0f:00.0'),
      isWhole: true,
      code: 'ENODEV',
    },
  ],
};
