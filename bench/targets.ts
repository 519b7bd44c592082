// SPDX-License-Identifier: MIT
// The targets, and whether a report reaches them.
import type { Result } from './report.js';

interface Target {
  readonly text: string;
  /** Only over kernel VFIO: without the ioctl there is nothing to compare. */
  readonly kernelOnly?: boolean;
  reached(result: Result): boolean;
}

const targets: Readonly<Record<string, Target>> = {
  'bar.read32': ratioAtMost(1.5),
  'bar.write32': ratioAtMost(1.5),
  'bar.batch16': ratioAtMost(13),
  doorbell: ratioAtMost(3.5),
  'bar.poll32': ratioAtMost(1.5),
  'regs.field': ratioAtMost(3),
  'irq.main': latencyAtMost(2, 2.5),
  'irq.worker': latencyAtMost(2, 2.5),
  'irq.waitSync': latencyAtMost(2, 2.5),
  'irq.storm': ratioAtMost(1.5),
  'irq.storm.lag': {
    text: 'p99 ≤ 5×',
    reached: ({ p99, twin }) => p99 <= 5 * twin.p99,
  },
  'dma.map1g': { ...ratioAtMost(1.05), kernelOnly: true },
  'dma.unmap1g': { ...ratioAtMost(1.05), kernelOnly: true },
  import: ratioAtMost(0.4),
};

/** The results with their targets, judged. */
export function judge(results: readonly Result[], backend: string): Result[] {
  return results.map((result) => {
    const target = targets[result.name];
    if (target === undefined) return result;
    if (backend === 'memory' ? target.kernelOnly : onlyOnHost(target)) return result;
    return { ...result, target: { text: target.text, reached: target.reached(result) } };
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

function latencyAtMost(tenth: number, half: number): Target {
  return {
    text: `p10 ≤ ${tenth}×, p50 ≤ ${half}×`,
    reached: ({ p10, twin, ratio }) => p10 <= tenth * twin.p10 && ratio <= half,
  };
}
