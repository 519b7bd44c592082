// SPDX-License-Identifier: MIT
// A worker that adopts grants, from the view of the granting thread.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { PublicApi } from '../../support/public-api.js';

/** The data that the worker starts with. */
export interface BorrowerData {
  api: PublicApi;
  seed: number;
}

/** The worker's answer to a request. */
export interface BorrowerAnswer {
  number: number;
  failure: string | undefined;
}

export class Borrower {
  readonly #data: BorrowerData;
  readonly #waiting = new Map<number, (failure: Error | undefined) => void>();
  #worker: Worker | undefined;

  constructor(api: PublicApi, seed: number) {
    this.#data = { api, seed };
  }

  /** Resolves when the worker has made its calls, or has ended. */
  async use(token: string, number: number): Promise<void> {
    const worker = this.#start();
    const failure = await new Promise<Error | undefined>((resolve) => {
      this.#waiting.set(number, resolve);
      worker.postMessage({ token, number });
    });
    if (failure !== undefined) throw failure;
  }

  /** Terminates the worker, whatever it is doing. */
  async end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(new URL('borrower-main.js', import.meta.url), {
      workerData: this.#data,
    });
    worker.unref();
    worker.on('message', ({ number, failure }: BorrowerAnswer) => {
      this.#answer(number, failure === undefined ? undefined : new Error(failure));
    });
    worker.on('error', (failure: Error) => this.#answerAll(failure));
    void once(worker, 'exit').then(() => {
      if (this.#worker === worker) this.#worker = undefined;
      this.#answerAll(undefined);
    });
    this.#worker = worker;
    return worker;
  }

  #answer(number: number, failure: Error | undefined): void {
    this.#waiting.get(number)?.(failure);
    this.#waiting.delete(number);
  }

  #answerAll(failure: Error | undefined): void {
    for (const number of this.#waiting.keys()) this.#answer(number, failure);
  }
}
