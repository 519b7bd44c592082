// SPDX-License-Identifier: MIT
// Signals as fast as the kernel takes them: how many a second a listener absorbs, whether any is lost, and what
// the event loop notices of it; against a C++ thread in read().
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Interrupt, openDevice } from 'vfio';
import { Samples } from '../distribution.js';
import { address, hardware, memoryMachine } from '../memory-machine.js';
import { bench } from '../native.js';
import type { Processors } from '../processors.js';
import type { Result } from '../report.js';
import { resultOf } from '../results.js';
import { openInterrupt, type Source } from '../signals.js';

export interface StormEffort {
  readonly rounds: number;
  /** Signals a round. */
  readonly signals: number;
}

/** A storm that is not over by then has lost some. */
const LOST_MS = 60_000;
const RESOLUTION_MS = 10;
const NANOSECONDS_A_MS = 1e6;
const MIB = 2 ** 20;

/** Storms, in turns with the twin's. */
export async function storm(
  { rounds, signals }: StormEffort,
  { ours, others }: Processors,
): Promise<Result[]> {
  memoryMachine();
  await using device = await openDevice(address);
  const vector = openInterrupt(device);
  const source = { eventfd: hardware(address).eventfd(0), cpu: others };
  const idle = new Samples();
  await observe(idle, () => new Promise((resolve) => setTimeout(resolve, 20 * RESOLUTION_MS)));
  const delay = new Samples();
  const samples = { ours: new Samples(), twin: new Samples() };
  await absorb(vector, source, signals / 10);
  const before = process.memoryUsage.rss();
  let callbacks = 0;
  for (let round = 0; round < rounds; round++) {
    samples.twin.record(bench.absorbingThread(signals, ours, others) / signals);
    const absorbed = await observe(delay, () => absorb(vector, source, signals));
    samples.ours.record(absorbed.time / signals);
    callbacks += absorbed.callbacks;
  }
  const facts = {
    signals: rounds * signals,
    lost: 0,
    callbacks,
    grownMiB: (process.memoryUsage.rss() - before) / MIB,
  };
  return [
    resultOf(
      { name: 'irq.storm', what: 'interrupt.on(listener), a signal', unit: 'ns', facts },
      samples.ours,
      { what: 'C++ thread in read()', samples: samples.twin },
    ),
    lagResult(delay, idle),
  ];
}

/** Resolves when all have been counted: the sum is exact, or a signal was lost. */
function absorb(
  vector: Interrupt,
  { eventfd, cpu }: Source,
  signals: number,
): Promise<{ time: number; callbacks: number }> {
  return new Promise((resolve, reject) => {
    const start = bench.now();
    let left = signals;
    let callbacks = 0;
    const lost = setTimeout(() => {
      bench.endRaising();
      reject(new Error(`${left} of ${signals} signals were lost`));
    }, LOST_MS);
    const listener = (raised: number) => {
      callbacks++;
      left -= raised;
      if (left > 0) return;
      const time = bench.now() - start;
      clearTimeout(lost);
      vector.off(listener);
      bench.endRaising();
      if (left < 0) reject(new Error(`${-left} signals came that nobody raised`));
      else resolve({ time, callbacks });
    };
    vector.on(listener);
    bench.raiseStorm(eventfd, signals, cpu);
  });
}

/** Adds to `delays` how late the event loop came to its timers meanwhile. */
async function observe<T>(delays: Samples, work: () => Promise<T>): Promise<T> {
  // Each time another monitor: one that goes on counts the pause as a delay.
  const monitor = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  monitor.enable();
  const result = await work();
  monitor.disable();
  for (let percent = 1; percent <= 100; percent++) {
    delays.record(monitor.percentile(percent) / NANOSECONDS_A_MS);
  }
  return result;
}

function lagResult(delay: Samples, idle: Samples): Result {
  const head = { name: 'irq.storm.lag', what: 'event loop delay during it', unit: 'ms' } as const;
  return resultOf(head, delay, { what: 'the same loop, idle', samples: idle });
}
