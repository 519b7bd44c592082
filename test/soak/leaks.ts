// SPDX-License-Identifier: MIT
// The leak budget: a device is opened, used and closed repeatedly, and nothing may be left.
import { bindDevice, type InterruptType } from '../../lib/index.js';
import { edu, nvme, type VmDevice } from '../../vm/devices.js';
import { type Growth, type Holdings, LeakBudget } from '../support/leak-budget.js';
import type { SoakCase } from './soak.js';

/** The most that resident memory may grow per cycle, in bytes. */
const BUDGET = 1024;
/** The most that mappings may grow per cycle. A leaked mapping adds one each time, while V8's own come and go. */
const MAPPINGS_BUDGET = 0.1;

interface Cycles {
  /** The warm-up cycles. */
  readonly warmUp: number;
  /** The cycles of a round. */
  readonly batch: number;
  /** From this many cycles on, the growth is compared with the budget: by then V8's own pages matter less. */
  readonly enough: number;
  /** The promised number of cycles. */
  readonly promised: number;
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
    promised: cycles.promised / cycles.batch,
    async round() {
      await budget.run(cycles.batch);
      const left = await budget.left();
      const leaks = leaksOf(left);
      if (leaks > 0) throw new Error(`left behind: ${JSON.stringify(left)}`);
      if (budget.cycles >= cycles.enough) judge(budget.growth);
      return { cycles: cycles.batch, leaks, growth: budget.growth.bytes };
    },
  };
}

function judge({ bytes, mappings }: Growth): void {
  if (!(bytes < BUDGET)) throw new Error(`resident memory grew by ${bytes} bytes per cycle`);
  if (!(mappings < MAPPINGS_BUDGET)) throw new Error(`mappings grew by ${mappings} per cycle`);
}

function leaksOf(left: Holdings): number {
  return Object.values(left).reduce((sum, count) => sum + Math.abs(count), 0);
}

export const leakCases: readonly SoakCase[] = [
  leakCase(edu, 'msi', { warmUp: 1500, batch: 100, enough: 1000, promised: 10_000 }),
  leakCase(nvme, 'msix', { warmUp: 60, batch: 10, enough: 100, promised: 200 }),
];
