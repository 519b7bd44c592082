// SPDX-License-Identifier: MIT
// Turns the events of one suite into its cases, however the suite ends.
import {
  type CaseEvent,
  type StartEvent,
  type TestEvent,
  type TestStatus,
  testKey,
} from './events.js';
import { since } from './kernel-log.js';

/** One line of `build/results/SUITE.jsonl`. */
export interface CaseRecord {
  readonly suite: string;
  /** Release of the kernel the case ran on; empty where the machine never came up. */
  readonly kernel: string;
  readonly backend: string;
  readonly device: string;
  readonly name: string;
  readonly status: TestStatus;
  readonly reason: string;
  readonly ms: number;
}

/** A case with what is printed about it and not kept in the results. */
export interface FinishedCase extends CaseRecord {
  readonly kernelLog: readonly string[];
}

/** How the process of a suite ended. */
export interface Ending {
  readonly how: string;
  /** By a signal, or by a status that tests do not give. */
  readonly crashed: boolean;
  /** A signal ended QEMU itself, and not the kernel or a program in it. */
  readonly emulatorCrashed?: boolean;
  readonly kernelLog: readonly string[];
}

interface RunningCase extends StartEvent {
  readonly startedAt: number;
  readonly kernelLog: string[];
}

/** Decides on a skip: whether it stands, or counts as a failure and why. */
export type JudgeSkip = (name: string) => string | undefined;

export class Recorder {
  readonly #suite: string;
  readonly #judgeSkip: JudgeSkip;
  readonly #now: () => number;
  readonly #cases = new Map<string, FinishedCase>();
  readonly #running = new Map<string, RunningCase>();
  #kernel = '';
  #complete = false;

  constructor(suite: string, judgeSkip: JudgeSkip, now: () => number = Date.now) {
    this.#suite = suite;
    this.#judgeSkip = judgeSkip;
    this.#now = now;
  }

  get cases(): FinishedCase[] {
    return [...this.#cases.values()];
  }

  /** Takes an event; returns the case it settles, if any. */
  handle(event: TestEvent): FinishedCase | undefined {
    switch (event.event) {
      case 'run':
        this.#kernel = event.kernel;
        break;
      case 'start':
        this.#running.set(testKey(event), { ...event, startedAt: this.#now(), kernelLog: [] });
        break;
      case 'kernel-log':
        for (const test of this.#running.values()) test.kernelLog.push(...event.lines);
        break;
      case 'end':
        this.#complete = true;
        break;
      case 'case':
        return this.#settle(event);
      case 'broken':
        return this.#fail(event.what, event.reason);
    }
    return undefined;
  }

  /**
   * The suite's process has gone. Tests that were started and never finished fail with the way it ended,
   * and so does a suite that was not through or crashed after its last test.
   */
  finish({ how, crashed, kernelLog }: Ending): FinishedCase[] {
    const unfinished = [...this.#running.values()].map((test) => {
      const reason = `started and never finished: ${how}`;
      const ms = this.#now() - test.startedAt;
      return this.#add(testKey(test), {
        ...this.#record({ ...test, status: 'failed', reason, ms }),
        kernelLog: since(test.uptime, kernelLog),
      });
    });
    this.#running.clear();
    if (unfinished.length > 0) return unfinished;
    if (!this.#complete)
      return [this.#fail(this.#suite, `did not run to its end: ${how}`, kernelLog)];
    return crashed ? [this.#fail(this.#suite, `after the last test: ${how}`, kernelLog)] : [];
  }

  /** A failure outside the tests. */
  #fail(what: string, reason: string, kernelLog: readonly string[] = []): FinishedCase {
    const known = { backend: '', device: '', name: what, ms: 0 };
    return this.#add(`\0${what}\0${this.#cases.size}`, {
      ...this.#record({ ...known, status: 'failed', reason }),
      kernelLog,
    });
  }

  #settle(event: CaseEvent): FinishedCase {
    const kernelLog = this.#running.get(testKey(event))?.kernelLog ?? [];
    this.#running.delete(testKey(event));
    const unexpected = event.status === 'skipped' ? this.#judgeSkip(event.name) : undefined;
    const judged =
      unexpected === undefined
        ? event
        : { ...event, status: 'failed' as const, reason: `${event.reason}: ${unexpected}` };
    return this.#add(testKey(event), { ...this.#record(judged), kernelLog });
  }

  #record(fields: Omit<CaseRecord, 'suite' | 'kernel'>): CaseRecord {
    const { backend, device, name, status, reason, ms } = fields;
    return { suite: this.#suite, kernel: this.#kernel, backend, device, name, status, reason, ms };
  }

  #add(id: string, finished: FinishedCase): FinishedCase {
    this.#cases.set(id, finished);
    return finished;
  }
}
