// SPDX-License-Identifier: MIT
// The leak budget: opens, uses and closes a device repeatedly, and measures what this process keeps.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type InterruptType, openDevice } from '../../lib/index.js';
import { median } from '../../tools/statistics.js';
import { collectGarbage } from './garbage.js';

/** The device to open, and the type of interrupt to arm each time. */
export interface LeakSubject {
  readonly address: string;
  readonly interrupts: InterruptType;
}

/**
 * The resources that a process holds. Mappings of plain memory are not here, because V8 also creates and removes them:
 * see {@link Growth}.
 */
export interface Holdings {
  readonly descriptors: number;
  /** Mappings of devices. */
  readonly mappings: number;
  readonly threads: number;
  /** Bytes. */
  readonly locked: number;
  readonly pinned: number;
}

/** Returns the number in a field of /proc/self/status. */
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

/** Resources count once this many measurements in a row agree: a thread ends some time after its device was closed. */
const STEADY_MEASUREMENTS = 10;
const INTERVAL_MS = 10;

export async function holdings(): Promise<Holdings> {
  let held = holdingsNow();
  for (let same = 1; same < STEADY_MEASUREMENTS; same++) {
    await sleep(INTERVAL_MS);
    const now = holdingsNow();
    if (!isDeepStrictEqual(now, held)) same = 0;
    held = now;
  }
  return held;
}

/** Returns what this process holds in addition to `before`. */
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

/** The expected result of {@link heldSince} at the end. */
export const nothing: Holdings = { descriptors: 0, mappings: 0, threads: 0, locked: 0, pinned: 0 };

type Sample = [after: number, amount: number];

/**
 * The Theil-Sen slope: the median of the slopes between any two samples. V8's heap grows and shrinks in steps of a MiB
 * or two, which would distort a least-squares line. A leak in every cycle shows in all of the slopes.
 */
function slope(samples: readonly Sample[]): number {
  const slopes = samples.flatMap(([x, y], index) =>
    samples.slice(index + 1).map(([later, more]) => (more - y) / (later - x)),
  );
  return median(slopes);
}

/**
 * Measures how resident memory and the number of mappings grow, after V8 has collected its garbage. A closed BAR that
 * stays mapped is a mapping without a name, and shows only here.
 */
export class Growth {
  readonly #bytes: Sample[] = [];
  readonly #mappings: Sample[] = [];

  /** Takes a sample, after this many cycles. */
  async sample(after: number): Promise<void> {
    // V8 returns collected memory to the kernel in the following turns of the event loop.
    await collectGarbage(2);
    this.#bytes.push([after, process.memoryUsage.rss()]);
    this.#mappings.push([after, mappings().length]);
  }

  /** Bytes per cycle. */
  get bytes(): number {
    return slope(this.#bytes);
  }

  /** Mappings per cycle. */
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

/** Runs cycles of one device, and measures what they leave behind. */
export class LeakBudget {
  readonly #subject: LeakSubject;
  readonly #before: Holdings;
  readonly growth = new Growth();
  #cycles = 0;

  private constructor(subject: LeakSubject, before: Holdings) {
    this.#subject = subject;
    this.#before = before;
  }

  /** Runs warm-up cycles first: resources that are made once (code, heaps, thread stacks) do not count. */
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

  /** Returns what this process holds now and did not hold after the warm-up. */
  left(): Promise<Holdings> {
    return heldSince(this.#before);
  }
}
