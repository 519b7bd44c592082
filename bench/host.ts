// SPDX-License-Identifier: MIT
// The measurements on the host, over the memory back end.
import { openDevice } from 'vfio';
import { clearProgress, progress } from '../tools/progress.js';
import { dmaMaps } from './cases/dma.js';
import { importTime } from './cases/import.js';
import { interruptLatency, type SignalEffort } from './cases/interrupts.js';
import { memoryRegisters } from './cases/memory-registers.js';
import { readsAndWrites } from './cases/reads-and-writes.js';
import { sequences } from './cases/sequences.js';
import { type StormEffort, storm } from './cases/storm.js';
import { address, memoryMachine } from './memory-machine.js';
import { findProcessors, type Processors, pinThread } from './processors.js';
import type { Result } from './report.js';
import type { Effort } from './rounds.js';

interface HostEffort {
  readonly access: Effort;
  readonly signals: SignalEffort;
  readonly storm: StormEffort;
  readonly maps: number;
  readonly starts: number;
  /** How long all measurements take on an idle machine. */
  readonly seconds: number;
}

export const full: HostEffort = {
  access: { rounds: 300, nanoseconds: 100_000, warmUp: 2e7 },
  signals: { rounds: 20, signals: 300 },
  storm: { rounds: 10, signals: 1_000_000 },
  maps: 300,
  starts: 20,
  seconds: 30,
};

export const quick: HostEffort = {
  access: { rounds: 15, nanoseconds: 30_000, warmUp: 1e7 },
  signals: { rounds: 4, signals: 150 },
  storm: { rounds: 4, signals: 50_000 },
  maps: 10,
  starts: 5,
  seconds: 4,
};

/** The results, and whether the thread was bound to a processor while they were measured. */
export interface HostResults {
  readonly results: Result[];
  readonly pinned: boolean;
}

/**
 * Runs all measurements. `first` measures in other processes. It runs before this thread is bound to a processor,
 * because the processes would inherit the binding.
 */
export async function measureHost(
  effort: HostEffort,
  first: () => Promise<Result[]>,
): Promise<HostResults> {
  say('import', effort);
  const apart = [...importTime(effort.starts), ...(await first())];
  const processors = findProcessors();
  const pinned = pinThread(processors);
  const results: Result[] = [];
  for (const [what, measure] of Object.entries(steps)) {
    say(what, effort);
    results.push(...(await measure(effort, processors)));
  }
  clearProgress();
  return { results: [...results, ...apart], pinned };
}

function say(what: string, { seconds }: HostEffort): void {
  progress(`bench: measuring ${what}, about ${seconds} s in total …`);
}

type Step = (effort: HostEffort, processors: Processors) => Promise<Result[]> | Result[];

const steps: Readonly<Record<string, Step>> = {
  'register access': ({ access }) => measureAccess(access),
  'sequences of accesses': ({ access }) => measureSequences(access),
  'interrupt latency': ({ signals }, processors) => interruptLatency(signals, processors),
  'a storm of interrupts': (effort, processors) => storm(effort.storm, processors),
  'DMA mappings': ({ maps }) => measureMaps(maps),
};

/** Measures register access by width and method. The names of the results begin with `prefix`. */
export async function measureAccess(effort: Effort, prefix = ''): Promise<Result[]> {
  await using registers = await memoryRegisters();
  return await readsAndWrites(registers, effort, prefix);
}

async function measureSequences(effort: Effort): Promise<Result[]> {
  await using registers = await memoryRegisters();
  return await sequences(registers, effort);
}

async function measureMaps(rounds: number): Promise<Result[]> {
  memoryMachine();
  await using device = await openDevice(address);
  return dmaMaps(device.container, -1, rounds);
}
