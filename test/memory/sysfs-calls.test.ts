// SPDX-License-Identifier: MIT
// Every read of sysfs and every write to it fails once. The error is right, and the device keeps its driver.
import { constants } from 'node:os';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Binding, bindDevice } from '../../lib/index.js';
import { bindSteps } from '../../lib/sysfs/steps.js';
import { type FakeKernel, syscalls, useFakeKernel } from '../../tools/testing-addon.js';
import { FakeFiles } from '../support/fake-files.js';
import { FakeSysfs } from '../unit/lib-fake-sysfs.js';
import { FakeTree } from '../unit/lib-fake-tree.js';
import { address, mate, Scene } from './operations/scene.js';
import {
  type Prepared,
  type SysfsScenario,
  sysfsLooks,
  sysfsOperations,
} from './operations/sysfs.js';
import { withCode } from './support.js';

const errnos = ['EMFILE', 'EIO'] as const;
type Errno = (typeof errnos)[number];

let vfio: FakeKernel;
let scene: Scene;
let tree: FakeTree;
let sysfs: FakeSysfs;
let files: FakeFiles;
let bindings: Binding[];

beforeAll(async () => {
  vfio = useFakeKernel();
  scene = await Scene.open('everything');
});
afterAll(async () => {
  await scene.close();
  vfio.end();
});

beforeEach(() => {
  tree = new FakeTree();
  tree.driver('vfio-pci');
  tree.pci(address, { driver: 'nvme', group: 12 });
  tree.pci(mate, { device: '0x0011', group: 12 });
  tree.file(`/sys/devices/pci0000:00/${address}/config`, new Uint8Array(16));
  const disk = `/sys/devices/pci0000:00/${address}/nvme/nvme0/nvme0n1`;
  tree.file(`${disk}/dev`, '259:0\n');
  tree.file(`${disk}/nvme0n1p1/partition`, '1\n');
  tree.link('/sys/block/nvme0n1', disk);
  tree.file('/proc/self/mountinfo', '36 35 8:1 / /data rw - ext4 /dev/sda1 rw\n');
  tree.file('/proc/swaps', 'Filename Type\n/dev/sda2 partition\n');
  tree.file('/dev/nvme0n1');
  tree.file('/dev/sda2');
  tree.process(42, 'cat', ['/dev/null', 'pipe:[1]']);
  tree.folder('/run/lock');
  sysfs = new FakeSysfs(tree, address);
  sysfs.natural = 'nvme';
  files = new FakeFiles(tree.root, (path, value) => sysfs.write(path, value));
  bindings = [];
});
afterEach(() => {
  files[Symbol.dispose]();
  tree[Symbol.dispose]();
});

const prepared: Prepared = {
  bind: async () => {
    const binding = await bindDevice(address);
    bindings.push(binding);
    return binding;
  },
  leave: async () => {
    for (const step of bindSteps(address, 'nvme')) await sysfs.write(step.path, step.value);
  },
  get scene() {
    return scene;
  },
};

/** The driver of the device, and its `driver_override`. */
function bindingState() {
  return { driver: sysfs.driver, override: sysfs.override };
}

const asBefore = { driver: 'nvme', override: '(null)' };

async function restoreAll(): Promise<void> {
  for (const binding of bindings.splice(0)) await binding.restore();
  expect(bindingState()).toEqual(asBefore);
}

async function errorOf(work: () => unknown): Promise<unknown> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Runs the scenario and makes its call number `nth` fail. Returns whether there was such a call. */
async function fails(scenario: SysfsScenario, nth: number, errno: Errno): Promise<boolean> {
  const made = await scenario.prepare?.(prepared);
  files.fail(nth, errno);
  const error = await errorOf(() => scenario.run(prepared, made));
  const calls = files.takeCalls();
  const failed = calls[nth - 1];
  if (scenario.code !== undefined) {
    expect(error).toEqual(withCode(scenario.code, { name: 'VfioError' }));
  } else if (failed === undefined || failed.startsWith('close ')) {
    expect(error).toBeUndefined();
  } else {
    expect(error).toEqual(withCode(errno, { name: 'VfioError', syscall: expect.any(String) }));
    if (scenario.isWhole) expect(bindingState()).toEqual(asBefore);
    await scenario.run(prepared, made);
  }
  await restoreAll();
  return failed !== undefined;
}

const rows = [sysfsOperations, sysfsLooks].flatMap((table) =>
  Object.entries(table).flatMap(([name, scenarios]) =>
    scenarios.map((scenario): [string, SysfsScenario] => {
      return [scenario.on === undefined ? name : `${name}, ${scenario.on}`, scenario];
    }),
  ),
);

describe('F22/ whichever look at sysfs or write to it fails, nothing is half done by', () => {
  test.each(rows)('%s', async (_, scenario) => {
    for (const errno of errnos) {
      let nth = 1;
      while (await fails(scenario, nth, errno)) nth++;
      expect(nth).toBeGreaterThan(1);
    }
  });
});

describe('F22/ a lock that the kernel does not give leaves the device as it was, for', () => {
  test.each(['EIO', 'ENOLCK'] as const)('%s', async (errno) => {
    syscalls().fail(1, constants.errno[errno], 'flock');
    await expect(prepared.bind()).rejects.toEqual(
      withCode(errno, { name: 'VfioError', syscall: 'flock' }),
    );
    expect(bindingState()).toEqual(asBefore);
    // The lock is free afterwards.
    await prepared.bind();
    await restoreAll();
  });
});
