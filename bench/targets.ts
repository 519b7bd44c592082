// SPDX-License-Identifier: MIT
// The targets of the benchmarks, and whether a report reaches them.
import type { Result } from './report.js';

interface Target {
  readonly text: string;
  /** This target needs kernel VFIO: without the ioctl there is nothing to compare. */
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

/**
 * Whether a target applies only on the host. In the test machine, emulation makes an access cost microseconds, so only
 * results that contain an ioctl mean anything there.
 */
function onlyOnHost(target: Target): boolean {
  return !target.kernelOnly;
}

/** The results that missed their target. */
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
