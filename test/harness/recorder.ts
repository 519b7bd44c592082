// SPDX-License-Identifier: MIT
// Turns the events of a suite into its list of cases, however the suite ends.
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
  /** The release of the kernel on which the case ran. Empty if the machine did not boot. */
  readonly kernel: string;
  readonly backend: string;
  readonly device: string;
  readonly name: string;
  readonly status: TestStatus;
  readonly reason: string;
  readonly ms: number;
}

/** A case and its kernel log, which is printed but not stored in the results. */
export interface FinishedCase extends CaseRecord {
  readonly kernelLog: readonly string[];
}

/** How the process of a suite ended. */
export interface Ending {
  readonly how: string;
  /** Whether a signal ended it, or it ended with a status that tests do not use. */
  readonly crashed: boolean;
  /** Whether a signal ended QEMU itself. The kernel and the programs in it are not the cause then. */
  readonly emulatorCrashed?: boolean;
  readonly kernelLog: readonly string[];
}

interface RunningCase extends StartEvent {
  readonly startedAt: number;
  readonly kernelLog: string[];
}

/** Judges a skip. Returns the reason if it counts as a failure, and undefined if it is accepted. */
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

  /** Records an event. Returns the case that it finishes, if any. */
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
   * Records the end of the suite's process. Unfinished tests fail, and the way the process ended is the reason. Without
   * unfinished tests, the suite itself fails if it did not run all tests, or if it crashed after the last one.
   */
  finish({ how, crashed, kernelLog }: Ending): FinishedCase[] {
    const unfinished = [...this.#running.values()].map((test) => {
      const reason = `it started but did not finish: ${how}`;
      const ms = this.#now() - test.startedAt;
      return this.#add(testKey(test), {
        ...this.#record({ ...test, status: 'failed', reason, ms }),
        kernelLog: since(test.uptime, kernelLog),
      });
    });
    this.#running.clear();
    if (unfinished.length > 0) return unfinished;
    if (!this.#complete) return [this.#fail(this.#suite, `it did not finish: ${how}`, kernelLog)];
    return crashed
      ? [this.#fail(this.#suite, `it crashed after the last test: ${how}`, kernelLog)]
      : [];
  }

  /** Records a failure outside of the tests. */
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
