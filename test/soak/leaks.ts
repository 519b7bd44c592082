// SPDX-License-Identifier: MIT
// The leak budget: a device is opened, used and closed as often as there is time for, and nothing may be left.
import { bindDevice, type InterruptType } from '../../lib/index.js';
import { edu, nvme, type VmDevice } from '../../vm/devices.js';
import { type Holdings, LeakBudget } from '../support/leak-budget.js';
import type { Figures, SoakCase } from './soak.js';

/** Resident memory may grow by this much a cycle, in bytes. */
const BUDGET = 1024;

interface Cycles {
  /** Cycles before the first that counts. */
  readonly warmUp: number;
  /** Cycles a round. */
  readonly batch: number;
  /** From this many cycles on the growth is held against the budget: V8's own pages weigh less by then. */
  readonly enough: number;
}

function leakCase(device: VmDevice, interrupts: InterruptType, cycles: Cycles): SoakCase {
  let budget: LeakBudget;
  return {
    name: `F17/ ${device.id} is opened, used and closed`,
    async prepare() {
      const binding = await bindDevice(device.address);
      budget = await LeakBudget.begin({ address: device.address, interrupts }, cycles.warmUp);
      return binding;
    },
    async round() {
      await budget.run(cycles.batch);
      const leaks = leaksOf(budget.left());
      if (leaks > 0) throw new Error(`left behind: ${JSON.stringify(budget.left())}`);
      const figures: Figures = { cycles: cycles.batch, leaks };
      if (budget.cycles < cycles.enough) return figures;
      const { growth } = budget;
      if (growth >= BUDGET) throw new Error(`resident memory grew by ${growth} bytes a cycle`);
      return { ...figures, growth };
    },
  };
}

function leaksOf(left: Holdings): number {
  return Object.values(left).reduce((sum, count) => sum + Math.abs(count), 0);
}

export const leakCases: readonly SoakCase[] = [
  leakCase(edu, 'msi', { warmUp: 500, batch: 100, enough: 2000 }),
  leakCase(nvme, 'msix', { warmUp: 20, batch: 10, enough: 100 }),
];
