// SPDX-License-Identifier: MIT
// The numbers to reach, and whether they were.
import type { Result, Unit } from './report.js';

interface Target {
  readonly text: string;
  /** Only over kernel VFIO: without the ioctl there is nothing to compare. */
  readonly kernelOnly?: boolean;
  reached(result: Result, all: ReadonlyMap<string, Result>): boolean;
}

const targets: Readonly<Record<string, Target>> = {
  'bar.read32': ratioAtMost(1.5),
  'bar.write32': ratioAtMost(1.5),
  'bar.batch16': atMost(6, 'ns'),
  doorbell: ratioAtMost(3.5),
  'bar.poll32': timesAtMost(3, 'bar.read32'),
  'regs.field': timesAtMost(3, 'bar.read32'),
  'irq.main': latencyAtMost(1.5, 2.2),
  'irq.worker': latencyAtMost(1.5, 2.2),
  'irq.waitSync': latencyAtMost(1.5, 2.2),
  'irq.storm': atMost(1000, 'ns'),
  'irq.storm.lag': {
    text: 'p99 < 50 ms',
    reached: ({ p99 }) => p99 < 50,
  },
  'dma.map1g': { ...ratioAtMost(1.05), kernelOnly: true },
  'dma.unmap1g': { ...ratioAtMost(1.05), kernelOnly: true },
  import: atMost(30, 'ms'),
};

/** The results with their targets, judged. */
export function judge(results: readonly Result[], backend: string): Result[] {
  const all = new Map(results.map((result) => [result.name, result]));
  return results.map((result) => {
    const target = targets[result.name];
    if (target === undefined) return result;
    if (backend === 'memory' ? target.kernelOnly : onlyOnHost(target)) return result;
    return { ...result, target: { text: target.text, reached: target.reached(result, all) } };
  });
}

/** In the test machine an access costs microseconds of emulation: only what has the ioctl says anything. */
function onlyOnHost(target: Target): boolean {
  return !target.kernelOnly;
}

/** Those that were missed. */
export function missed(results: readonly Result[]): Result[] {
  return results.filter(({ target }) => target?.reached === false);
}

function ratioAtMost(most: number): Target {
  return { text: `≤ ${most}×`, reached: ({ ratio }) => ratio <= most };
}

function atMost(most: number, unit: Unit): Target {
  return { text: `≤ ${most} ${unit}`, reached: ({ p50 }) => p50 <= most };
}

function timesAtMost(most: number, other: string): Target {
  return {
    text: `≤ ${most}× ${other}`,
    reached: ({ p50 }, all) => p50 <= most * (all.get(other)?.p50 ?? Number.NaN),
  };
}

function latencyAtMost(tenth: number, half: number): Target {
  return {
    text: `p10 ≤ ${tenth}×, p50 ≤ ${half}×`,
    reached: ({ p10, twin, ratio }) => p10 <= tenth * twin.p10 && ratio <= half,
  };
}
