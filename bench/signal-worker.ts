// SPDX-License-Identifier: MIT
// A worker that receives series of signals on a device of its own. This file has the code of both threads.
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { openDevice } from 'vfio';
import { joinMachine } from '../tools/testing-addon.js';
import { memoryMachine } from './memory-machine.js';
import { type Processors, pinThread } from './processors.js';
import { listen, openInterrupt, wait } from './signals.js';

interface Task {
  readonly how: 'listen' | 'wait';
  readonly machine: number;
  readonly address: string;
  readonly processors: Processors;
}

export class SignalWorker {
  readonly #worker: Worker;

  private constructor(task: Task) {
    this.#worker = new Worker(fileURLToPath(import.meta.url), { workerData: task });
  }

  /** Starts a worker. Resolves when it has opened its device and armed the interrupt. */
  static async start(task: Omit<Task, 'machine'>): Promise<SignalWorker> {
    const worker = new SignalWorker({ ...task, machine: memoryMachine().id });
    await once(worker.#worker, 'message');
    return worker;
  }

  /** Makes the worker receive a series of this many signals. */
  async take(signals: number): Promise<void> {
    this.#worker.postMessage(signals);
    await once(this.#worker, 'message');
  }

  async end(): Promise<void> {
    this.#worker.postMessage('end');
    await once(this.#worker, 'exit');
  }
}

async function serve({ how, machine, address, processors }: Task): Promise<void> {
  pinThread(processors);
  const hardware = joinMachine(machine).device(address);
  const device = await openDevice(address);
  const vector = openInterrupt(device);
  const take = how === 'listen' ? listen : wait;
  parentPort?.on('message', async (signals: number | 'end') => {
    if (signals === 'end') {
      await device.close();
      return parentPort?.close();
    }
    await take(vector, { eventfd: hardware.eventfd(0), cpu: processors.others }, signals);
    parentPort?.postMessage('done');
  });
  parentPort?.postMessage('ready');
}

if (!isMainThread) await serve(workerData as Task);
