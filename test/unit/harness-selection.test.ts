// SPDX-License-Identifier: MIT
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { NO_LAB_KERNEL, type Selection, select } from '../harness/selection.js';

const { VFIO_VM_KERNEL, XDG_CACHE_HOME } = process.env;
let cache: string;

beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'vfio-selection-'));
  process.env.XDG_CACHE_HOME = cache;
  delete process.env.VFIO_VM_KERNEL;
});

afterEach(() => {
  for (const [key, value] of Object.entries({ VFIO_VM_KERNEL, XDG_CACHE_HOME })) {
    if (value === undefined) delete process.env[key];
    else process.env[key] = value;
  }
  rmSync(cache, { recursive: true });
});

/** The machines of a selection, and the text that says which are left out. */
function machinesOf(selection: Selection) {
  const { suites, leftOut } = select(selection);
  const machines = suites.map(({ name }) => name).filter((name) => name.startsWith('vm-'));
  return { machines, leftOut };
}

const onDistro = ['vm-distro', 'vm-hotplug-distro'];
const onLab = ['vm-lab', 'vm-hotplug-lab', 'vm-no-iommu'];

describe('without a lab kernel', () => {
  test('npm test has the kernel of the distribution whole, and says what it left out', () => {
    expect(machinesOf({})).toEqual({ machines: onDistro, leftOut: NO_LAB_KERNEL });
    const whole = select({}).suites.find(({ name }) => name === 'vm-distro');
    expect(whole?.seconds).toBe(select({ kernel: 'distro' }).suites.find(isDevices)?.seconds);
  });

  test('test:vm says so too, unless it was told which kernel to use', () => {
    expect(machinesOf({ suite: 'vm' })).toEqual({ machines: onDistro, leftOut: NO_LAB_KERNEL });
    expect(machinesOf({ suite: 'vm', kernel: 'distro' })).toEqual({ machines: onDistro });
  });
});

test('with a lab kernel npm test has that whole, and of the other what differs', () => {
  const whole = select({}).suites.find(isDevices);
  process.env.VFIO_VM_KERNEL = '/a/kernel';
  expect(machinesOf({})).toEqual({ machines: [...onLab, ...onDistro] });
  const some = select({}).suites.find(({ name }) => name === 'vm-distro');
  expect(some?.seconds).toBeLessThan(whole?.seconds ?? 0);
});

test('what can end QEMU begins last, whatever the kernel', () => {
  process.env.VFIO_VM_KERNEL = '/a/kernel';
  const last = select({}).suites.filter((suite) => suite.last);
  expect(last.map(({ name }) => name)).toEqual(['vm-hotplug-lab', 'vm-hotplug-distro']);
});

function isDevices({ name }: { name: string }): boolean {
  return name === 'vm-distro';
}
