// SPDX-License-Identifier: MIT
// The leak budget: opens, uses and closes a device over and over, and measures what this process still holds.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type InterruptType, openDevice } from '../../lib/index.js';
import { median } from '../../tools/statistics.js';
import { collectGarbage } from './garbage.js';

/** What is opened, and which of its interrupts are armed each time. */
export interface LeakSubject {
  readonly address: string;
  readonly interrupts: InterruptType;
}

/** What a process holds. Mappings that are only memory come and go with V8: see {@link Growth}. */
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

function mappings(): string[] {
  return readFileSync('/proc/self/maps', 'utf8').trimEnd().split('\n');
}

function holdingsNow(): Holdings {
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    mappings: mappings().filter((line) => line.includes('vfio')).length,
    threads: status('Threads'),
    locked: status('VmLck') * 1024,
    pinned: status('VmPin') * 1024,
  };
}

/** What is held in that many looks, one after the other: a thread ends some time after its device was closed. */
const STEADY_LOOKS = 10;
const LOOK_MS = 10;

export async function holdings(): Promise<Holdings> {
  let held = holdingsNow();
  for (let same = 1; same < STEADY_LOOKS; same++) {
    await sleep(LOOK_MS);
    const now = holdingsNow();
    if (!isDeepStrictEqual(now, held)) same = 0;
    held = now;
  }
  return held;
}

/** What is held beyond what was held before. */
export async function heldSince(before: Holdings): Promise<Holdings> {
  const now = await holdings();
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

type Sample = [after: number, amount: number];

/**
 * Theil and Sen's slope: the median of those between any two samples. V8's heap grows and shrinks in steps of a
 * MiB or two, which tilt a least-squares line; what every cycle leaves behind is in all of the slopes.
 */
function slope(samples: readonly Sample[]): number {
  const slopes = samples.flatMap(([x, y], index) =>
    samples.slice(index + 1).map(([later, more]) => (more - y) / (later - x)),
  );
  return median(slopes);
}

/**
 * How resident memory and the number of mappings grow: samples of them, without what V8 has yet to collect. A closed
 * BAR that stays mapped is memory without a name, and shows only here.
 */
export class Growth {
  readonly #bytes: Sample[] = [];
  readonly #mappings: Sample[] = [];

  /** Looks, after so many cycles. */
  async sample(after: number): Promise<void> {
    // What was collected is given back in the turns that follow.
    await collectGarbage(2);
    this.#bytes.push([after, process.memoryUsage.rss()]);
    this.#mappings.push([after, mappings().length]);
  }

  /** Bytes a cycle. */
  get bytes(): number {
    return slope(this.#bytes);
  }

  /** Mappings a cycle. */
  get mappings(): number {
    return slope(this.#mappings);
  }
}

/** Opens the device, uses a register, memory and an interrupt of it, and closes it. */
async function cycle({ address, interrupts }: LeakSubject): Promise<void> {
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
  readonly #subject: LeakSubject;
  readonly #before: Holdings;
  readonly growth = new Growth();
  #cycles = 0;

  private constructor(subject: LeakSubject, before: Holdings) {
    this.#subject = subject;
    this.#before = before;
  }

  /** Warms up: what is made once (code, heaps, the threads' stacks) is not counted. */
  static async begin(subject: LeakSubject, warmUp: number): Promise<LeakBudget> {
    for (let done = 0; done < warmUp; done++) await cycle(subject);
    return new LeakBudget(subject, await holdings());
  }

  get cycles(): number {
    return this.#cycles;
  }

  async run(cycles: number): Promise<void> {
    for (let done = 0; done < cycles; done++) await cycle(this.#subject);
    this.#cycles += cycles;
    await this.growth.sample(this.#cycles);
  }

  /** What is held beyond what was held before. */
  left(): Promise<Holdings> {
    return heldSince(this.#before);
  }
}
