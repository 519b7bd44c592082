// SPDX-License-Identifier: MIT
// Asynchronous events, and the requests that report them (NVMe Base Specification 2.0, 5.2).
import { LogId } from './log-ids.js';
import { demand, StatusCode } from './status.js';
import type { Submission } from './submission.js';

/** An event: what dword 0 of its completion says. */
export interface ModelEvent {
  readonly type: number;
  readonly info: number;
  /** The log page whose reading (without RAE) allows the next event of this type. */
  readonly log: number;
}

export const EVENTS = {
  /** A doorbell of a queue that does not exist was written. */
  INVALID_DOORBELL: { type: 0, info: 0, log: LogId.ERROR },
  /** A doorbell was written with a value that the ring does not allow. */
  INVALID_DOORBELL_VALUE: { type: 0, info: 1, log: LogId.ERROR },
  /** A namespace was added or removed, or changed its size. */
  NAMESPACES_CHANGED: { type: 2, info: 0, log: LogId.CHANGED_NAMESPACES },
} as const satisfies Record<string, ModelEvent>;

/** Holds the requests of the driver until events come, and events until requests come. */
export class Events {
  readonly #limit: number;
  readonly #complete: (request: Submission, result: number) => void;
  readonly #requests: Submission[] = [];
  readonly #pending: ModelEvent[] = [];
  /** Types that were reported, and whose log page the driver has not read since. */
  readonly #masked = new Set<number>();

  /** `complete` completes a request, successfully and with this result. */
  constructor(limit: number, complete: (request: Submission, result: number) => void) {
    this.#limit = limit;
    this.#complete = complete;
  }

  /** The driver sent an Asynchronous Event Request. */
  request(request: Submission): void {
    demand(this.#requests.length < this.#limit, StatusCode.EVENT_REQUEST_LIMIT);
    this.#requests.push(request);
    this.#report();
  }

  /** Something happened. Equal events that were not reported yet are one. */
  raise(event: ModelEvent): void {
    if (!this.#pending.includes(event)) this.#pending.push(event);
    this.#report();
  }

  /** The driver has read a log page, so it can be told about later events of that type. */
  logRead(log: number): void {
    for (const event of Object.values(EVENTS)) {
      if (event.log === log) this.#masked.delete(event.type);
    }
    this.#report();
  }

  /** Takes back a request that the driver aborts. */
  take(cid: number): Submission | undefined {
    const at = this.#requests.findIndex((request) => request.cid === cid);
    return at < 0 ? undefined : this.#requests.splice(at, 1)[0];
  }

  /** Forgets everything. */
  clear(): void {
    this.#requests.length = 0;
    this.#pending.length = 0;
    this.#masked.clear();
  }

  #report(): void {
    for (let at = 0; at < this.#pending.length && this.#requests.length > 0; ) {
      const { type, info, log } = this.#pending[at] as ModelEvent;
      if (this.#masked.has(type)) {
        at++;
        continue;
      }
      this.#pending.splice(at, 1);
      this.#masked.add(type);
      this.#complete(this.#requests.shift() as Submission, type | (info << 8) | (log << 16));
    }
  }
}
