// SPDX-License-Identifier: MIT
// A storm of signals, as fast as the kernel accepts them: their cost for the listener, and whether any is lost. It also
// measures the delay of the event loop during the storm. The twin is the thread that raises the signals, because the
// listener must keep up with it. The duration of a storm is not the result: it depends mostly on the kernel's write()
// and on other load on the processors.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Interrupt, openDevice } from 'vfio';
import { Samples } from '../../tools/statistics.js';
import { address, hardware, memoryMachine } from '../memory-machine.js';
import { bench } from '../native.js';
import type { Processors } from '../processors.js';
import type { Result } from '../report.js';
import { resultOf } from '../results.js';
import { openInterrupt, type Source } from '../signals.js';

export interface StormEffort {
  readonly rounds: number;
  /** How many signals each round has. */
  readonly signals: number;
}

/** One storm: the processor times of both threads and the duration, in nanoseconds, and the number of callbacks. */
interface Storm {
  readonly listening: number;
  readonly raising: number;
  readonly duration: number;
  readonly callbacks: number;
}

/** A storm that takes longer than this has lost signals. */
const LOST_MS = 60_000;
const RESOLUTION_MS = 10;
/** How long each round observes the idle event loop. */
const IDLE_MS = 10 * RESOLUTION_MS;
const NANOSECONDS_A_MS = 1e6;
const MIB = 2 ** 20;

/** Measures storms, and between them the idle event loop. */
export async function storm(
  { rounds, signals }: StormEffort,
  { others }: Processors,
): Promise<Result[]> {
  memoryMachine();
  await using device = await openDevice(address);
  const vector = openInterrupt(device);
  const source = { eventfd: hardware(address).eventfd(0), cpu: others };
  const samples = { listening: new Samples(), raising: new Samples() };
  const delay = { storm: new Samples(), idle: new Samples() };
  await absorb(vector, source, signals / 10);
  const before = process.memoryUsage.rss();
  let callbacks = 0;
  let duration = 0;
  for (let round = 0; round < rounds; round++) {
    await observe(delay.idle, () => sleep(IDLE_MS));
    const absorbed = await observe(delay.storm, () => absorb(vector, source, signals));
    samples.listening.record(absorbed.listening / signals);
    samples.raising.record(absorbed.raising / signals);
    callbacks += absorbed.callbacks;
    duration += absorbed.duration;
  }
  const facts = {
    signals: rounds * signals,
    lost: 0,
    callbacks,
    nanosecondsBetweenSignals: duration / (rounds * signals),
    grownMiB: (process.memoryUsage.rss() - before) / MIB,
  };
  return [
    resultOf(
      { name: 'irq.storm', what: 'interrupt.on(listener), a signal', unit: 'ns', facts },
      samples.listening,
      { what: 'C++ thread that raises it', samples: samples.raising },
    ),
    lagResult(delay.storm, delay.idle),
  ];
}

/** Resolves when all signals have been counted. Rejects if there were fewer or more. */
function absorb(vector: Interrupt, { eventfd, cpu }: Source, signals: number): Promise<Storm> {
  return new Promise((resolve, reject) => {
    const start = { listening: bench.processorTime(), duration: bench.now() };
    let left = signals;
    let callbacks = 0;
    const lost = setTimeout(() => {
      bench.endRaising();
      reject(new Error(`${left} of ${signals} signals did not arrive within ${LOST_MS} ms`));
    }, LOST_MS);
    const listener = (raised: number) => {
      callbacks++;
      left -= raised;
      if (left > 0) return;
      const listening = bench.processorTime() - start.listening;
      const duration = bench.now() - start.duration;
      clearTimeout(lost);
      vector.off(listener);
      const raising = bench.endRaising();
      if (left < 0) reject(new Error(`${-left} more signals arrived than the ${signals} raised`));
      else resolve({ listening, raising, duration, callbacks });
    };
    vector.on(listener);
    bench.raiseStorm(eventfd, signals, cpu);
  });
}

/** Runs `work`, and adds the delays of the event loop during it to `delays`. */
async function observe<T>(delays: Samples, work: () => Promise<T>): Promise<T> {
  // A new monitor each time, because one that is enabled again counts the pause as a delay.
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
