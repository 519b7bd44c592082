// SPDX-License-Identifier: MIT
// Notices that a controller has failed or hangs.
import type { Device } from 'vfio';
import { NvmeError } from './errors.js';
import type { QueuePair } from './queue.js';
import type { Queues } from './queues.js';

/** How often it checks within one command timeout. */
const TICKS_PER_TIMEOUT = 4;

/** Whether the command has completed after all: then its interrupt was lost. */
function foundUnannounced(queue: QueuePair): boolean {
  if (queue.poll() === 0) return false;
  const message = `An interrupt of NVMe queue ${queue.id} was lost: its completions were found by looking`;
  process.emitWarning(message, { type: 'NvmeWarning', code: 'NVME_INTERRUPT_LOST' });
  return true;
}

/** Watches the age of commands and the events of the device. It does not keep the process alive. */
export class Watchdog {
  readonly #device: Device;
  readonly #failed: (failure: NvmeError) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #onLost = () => this.#deviceChanged('is gone');
  readonly #onReset = () => this.#deviceChanged('was reset');
  readonly #onClose = () => this.#deviceChanged('was closed');

  /** Calls `failed` if a command does not complete within `timeout` ms, or if the device changes. */
  constructor(
    device: Device,
    queues: Queues,
    timeout: number,
    failed: (failure: NvmeError) => void,
  ) {
    this.#device = device;
    this.#failed = failed;
    device.on('lost', this.#onLost).on('reset', this.#onReset).on('close', this.#onClose);
    const look = () => {
      const queue = queues.overdue(TICKS_PER_TIMEOUT);
      if (queue === undefined || foundUnannounced(queue)) return;
      const message = `no completion on queue ${queue.id} for ${timeout} ms`;
      failed(new NvmeError('ERR_NVME_TIMEOUT', message));
    };
    this.#timer = setInterval(look, timeout / TICKS_PER_TIMEOUT).unref();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#device.off('lost', this.#onLost).off('reset', this.#onReset).off('close', this.#onClose);
  }

  /** The device has lost the state of the controller, or is gone or closed. */
  #deviceChanged(how: string): void {
    this.#failed(new NvmeError('ERR_NVME_FATAL', `the device ${how}`));
  }
}
