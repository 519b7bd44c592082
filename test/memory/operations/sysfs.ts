// SPDX-License-Identifier: MIT
// What looks at sysfs and writes to it, by node:fs: where each of these calls can fail, too.
import { type Binding, bindDevice, listDevices, releaseDevice } from '../../../lib/index.js';
import { address, groupId, type Scene } from './scene.js';

/** What there is before the operation. */
export interface Prepared {
  /** The device in the hands of vfio-pci. */
  bind(): Promise<Binding>;
  /** The same by a program that remembers nothing. */
  leave(): Promise<void>;
  scene: Scene;
}

export interface SysfsScenario {
  on?: string;
  prepare?(prepared: Prepared): Promise<unknown>;
  /** `made` is what the preparation gave. */
  run(prepared: Prepared, made: unknown): unknown;
  /** It changes nothing itself, or all that it did is undone. Else the next try goes on from where it was. */
  isWhole: boolean;
  /** The error it has anyway: a look that fails while it is explained does not take its place. */
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

/** Those of the other tables that look at sysfs as well. */
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
