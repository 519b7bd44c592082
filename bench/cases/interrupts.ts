// SPDX-License-Identifier: MIT
// Latency of a signal, from write(eventfd) in another thread to the first statement of the handler. It is measured on
// the main thread, in a worker, and in a worker that waits, and compared to a C++ thread in read().
import { type Device, openDevice } from 'vfio';
import { Samples } from '../../tools/statistics.js';
import { address, hardware, memoryMachine, workerAddresses } from '../memory-machine.js';
import { bench } from '../native.js';
import type { Processors } from '../processors.js';
import type { Result } from '../report.js';
import { resultOf } from '../results.js';
import { rotated } from '../rounds.js';
import { SignalWorker } from '../signal-worker.js';
import { gapMicroseconds, listen, openInterrupt } from '../signals.js';

export interface SignalEffort {
  readonly rounds: number;
  /** How many signals each way receives per round. */
  readonly signals: number;
}

/** One way to receive signals. */
interface Way {
  readonly name: string;
  readonly what: string;
  /** Receives this many signals. After that, {@link BenchNative.latency} returns the latency of each. */
  take(signals: number): unknown;
}

/** The first signals of a series are left out, because they find cold caches. */
const LEFT_OUT = 10;

/** Measures all ways, in turns. */
export async function interruptLatency(
  effort: SignalEffort,
  processors: Processors,
): Promise<Result[]> {
  memoryMachine();
  await using device = await openDevice(address);
  const listening = await startWorker('listen', processors);
  const waiting = await startWorker('wait', processors);
  try {
    return await measure(
      [reading(processors), main(device, processors), inWorker(listening), inWait(waiting)],
      effort,
    );
  } finally {
    await Promise.all([listening.end(), waiting.end()]);
  }
}

function startWorker(how: 'listen' | 'wait', processors: Processors): Promise<SignalWorker> {
  return SignalWorker.start({ how, address: workerAddresses[how], processors });
}

function reading({ ours, others }: Processors): Way {
  return {
    name: 'irq.read',
    what: 'C++ thread in read()',
    take: (signals) => bench.readingThread(signals, gapMicroseconds, ours, others),
  };
}

function main(device: Device, { others }: Processors): Way {
  const vector = openInterrupt(device);
  const source = { eventfd: hardware(address).eventfd(0), cpu: others };
  return {
    name: 'irq.main',
    what: 'interrupt.on(listener), main thread',
    take: (signals) => listen(vector, source, signals),
  };
}

function inWorker(worker: SignalWorker): Way {
  return {
    name: 'irq.worker',
    what: 'interrupt.on(listener), in a worker',
    take: (signals) => worker.take(signals),
  };
}

function inWait(worker: SignalWorker): Way {
  return {
    name: 'irq.waitSync',
    what: 'interrupt.waitSync(), in a worker',
    take: (signals) => worker.take(signals),
  };
}

/** Measures all ways. The first one is the twin of the others. */
async function measure(ways: readonly Way[], effort: SignalEffort): Promise<Result[]> {
  const samples = new Map(ways.map(({ name }) => [name, new Samples()]));
  for (let round = -1; round < effort.rounds; round++) {
    for (const { name, take } of rotated(ways, round + 1)) {
      await take(effort.signals);
      bench.endRaising();
      if (round < 0) continue; // the first round runs code that is not compiled yet
      for (let index = LEFT_OUT; index < effort.signals; index++) {
        samples.get(name)?.record(bench.latency(index) / 1000);
      }
    }
  }
  const [twin, ...others] = ways;
  return others.map((way) => latencyResult(way, twin as Way, samples));
}

function latencyResult(way: Way, other: Way, samples: ReadonlyMap<string, Samples>): Result {
  const mine = samples.get(way.name) as Samples;
  const twin = samples.get(other.name) as Samples;
  const head = { name: way.name, what: way.what, unit: 'µs' } as const;
  const result = resultOf(head, mine, { what: other.what, samples: twin });
  return { ...result, curve: mine.curve(), twin: { ...result.twin, curve: twin.curve() } };
}
