// SPDX-License-Identifier: MIT
// The leak budget: a device opened, used and closed over and over, and what is left of that in this process.
import { readdirSync, readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { linearRegression } from 'simple-statistics';
import { type InterruptType, openDevice } from '../../lib/index.js';

/** What is opened, and which of its interrupts are armed each time. */
export interface Subject {
  readonly address: string;
  readonly interrupts: InterruptType;
}

/** What a process holds. */
export interface Holdings {
  readonly descriptors: number;
  /** Mappings of devices. */
  readonly mappings: number;
  readonly threads: number;
  /** Bytes. */
  readonly locked: number;
  readonly pinned: number;
}

/** The name of a field of /proc/self/status, and its number. */
function status(field: string): number {
  const text = readFileSync('/proc/self/status', 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(text)?.[1]);
}

export function holdings(): Holdings {
  const maps = readFileSync('/proc/self/maps', 'utf8').split('\n');
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    mappings: maps.filter((line) => line.includes('vfio')).length,
    threads: status('Threads'),
    locked: status('VmLck') * 1024,
    pinned: status('VmPin') * 1024,
  };
}

/** What is held beyond what was held before. */
export function heldSince(before: Holdings): Holdings {
  const now = holdings();
  const difference = (field: keyof Holdings) => now[field] - before[field];
  return {
    descriptors: difference('descriptors'),
    mappings: difference('mappings'),
    threads: difference('threads'),
    locked: difference('locked'),
    pinned: difference('pinned'),
  };
}

/** What has to be held beyond that at the end. */
export const nothing: Holdings = { descriptors: 0, mappings: 0, threads: 0, locked: 0, pinned: 0 };

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** How resident memory grows: samples of it, without what V8 has yet to collect, and a line through them. */
export class Growth {
  readonly #samples: [after: number, bytes: number][] = [];

  /** Looks, after so many cycles. */
  sample(after: number): void {
    collectGarbage();
    this.#samples.push([after, process.memoryUsage.rss()]);
  }

  /** Bytes a cycle: the slope of the least-squares line. */
  get bytes(): number {
    return linearRegression(this.#samples).m;
  }
}

/** Opens the device, uses a register, memory and an interrupt of it, and closes it. */
async function cycle({ address, interrupts }: Subject): Promise<void> {
  await using device = await openDevice(address);
  device.bar(0).read32(0);
  using memory = device.allocDma(4096);
  memory.u32.fill(0x5a5a_5a5a);
  device.busMaster = true;
  using set = device.enableInterrupts(interrupts);
  const raised = set.vector(0).once({ timeout: 5000 });
  set.vector(0).trigger();
  await raised;
}

/** Cycles of one device, as many as one likes, and what they cost. */
export class LeakBudget {
  readonly #subject: Subject;
  readonly #before: Holdings;
  readonly #growth = new Growth();
  #cycles = 0;

  private constructor(subject: Subject) {
    this.#subject = subject;
    this.#before = holdings();
  }

  /** Warms up: what is made once (code, heaps, the threads' stacks) is not counted. */
  static async begin(subject: Subject, warmUp: number): Promise<LeakBudget> {
    for (let done = 0; done < warmUp; done++) await cycle(subject);
    return new LeakBudget(subject);
  }

  get cycles(): number {
    return this.#cycles;
  }

  async run(cycles: number): Promise<void> {
    for (let done = 0; done < cycles; done++) await cycle(this.#subject);
    this.#cycles += cycles;
    this.#growth.sample(this.#cycles);
  }

  /** What is held beyond what was held before. */
  left(): Holdings {
    return heldSince(this.#before);
  }

  /** By how many bytes a cycle the resident memory grew. */
  get growth(): number {
    return this.#growth.bytes;
  }
}
