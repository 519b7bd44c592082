// SPDX-License-Identifier: MIT
// Chooses the suites that a command runs.
import type { VmKernel } from '../../vm/kernels.js';
import { hasLabKernel } from '../../vm/lab-kernel.js';
import { exactSuite } from '../exact/suite.js';
import {
  nativeSuites,
  nodeSuite,
  unitSuite,
  unitSuiteBesideMachine,
  watchedNativeSuite,
  watchedUnitSuite,
} from './host-suites.js';
import { instruments } from './instruments.js';
import type { Suite } from './suite.js';
import { hotplugSuite, noIommuSuite, perKernelSuites, userSuite, vmSuite } from './vm-suites.js';

export interface Selection {
  readonly suite?: 'unit' | 'vm' | 'vm-user';
  readonly kernel?: VmKernel;
  readonly under?: keyof typeof instruments;
  readonly node?: readonly string[];
}

export interface Selected {
  readonly suites: readonly Suite[];
  /** One line that says which tests are left out and what to do about it. */
  readonly leftOut?: string;
}

export const NO_LAB_KERNEL =
  'The tests on the lab kernel were left out, because there is no lab kernel. "npm run vm:kernel" builds it (11 CPU minutes).';

export function select({ suite, kernel, under, node }: Selection): Selected {
  if (node !== undefined) return { suites: node.map(nodeSuite) };
  if (suite === undefined && kernel === undefined && under === undefined) return everyday();
  const hostSuites = suite === 'vm' || suite === 'vm-user' ? [] : onHost(under);
  if (suite === 'unit' || (under !== undefined && suite === undefined)) {
    return { suites: hostSuites };
  }
  const kernels = kernel === undefined ? kernelsHere() : [kernel];
  const machines = kernels.flatMap((name) => inMachine(name, suite, under));
  const selected = { suites: [...hostSuites, ...machines] };
  return kernel !== undefined || hasLabKernel()
    ? selected
    : { ...selected, leftOut: NO_LAB_KERNEL };
}

/** `npm test`: every promise once, and the tests that depend on the kernel on a second kernel too. */
function everyday(): Selected {
  const host = [unitSuiteBesideMachine, exactSuite, ...nativeSuites()];
  if (!hasLabKernel()) {
    return { suites: [...host, ...inMachine('distro')], leftOut: NO_LAB_KERNEL };
  }
  return { suites: [...host, ...inMachine('lab'), ...perKernelSuites('distro')] };
}

function onHost(under?: keyof typeof instruments): Suite[] {
  if (under === undefined) return [unitSuite, exactSuite, ...nativeSuites()];
  return [watchedUnitSuite(instruments[under]), watchedNativeSuite(instruments[under])];
}

function inMachine(
  kernel: VmKernel,
  suite?: Selection['suite'],
  under?: keyof typeof instruments,
): Suite[] {
  if (suite === 'vm-user') return [userSuite(kernel)];
  const instrument = under && instruments[under];
  const watched = [vmSuite(kernel, instrument), hotplugSuite(kernel, instrument)];
  return kernel === 'lab' && under === undefined ? [...watched, noIommuSuite] : watched;
}

/** The kernels for the device tests. Tests never build a kernel, so the lab kernel is one only if it exists. */
function kernelsHere(): VmKernel[] {
  return hasLabKernel() ? ['distro', 'lab'] : ['distro'];
}
