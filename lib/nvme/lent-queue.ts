// SPDX-License-Identifier: MIT
// An I/O queue pair that another thread drives. The controller's thread makes it, because that takes admin commands,
// and grants its parts; the other one submits and completes.
import { type AdoptedDevice, adopt, type DmaBuffer, VfioError } from 'vfio';
import { NvmeStatusError } from './errors.js';
import type { NamespaceIdentity } from './identify.js';
import { Namespace } from './namespace.js';
import { QueuePair } from './queue.js';
import { doorbells } from './registers.js';

/** The message to the other thread (`postMessage`, `workerData`). */
export interface QueueOffer {
  /** Token of a grant with BAR 0, the queue's vector, and its memory: both rings, PRP lists, data. */
  readonly token: string;
  readonly id: number;
  readonly entries: number;
  readonly vector: number;
  /** CAP.DSTRD */
  readonly dstrd: number;
  readonly listBytes: number;
  readonly maxTransferBytes: number;
  readonly identity: NamespaceIdentity;
}

/** A borrowed queue, in the thread that drives it. */
export interface BorrowedQueue {
  /** It emits `close` when the owner revokes the queue. Close it to give the queue back. */
  readonly device: AdoptedDevice;
  readonly namespace: Namespace;
  /** The memory for reads and writes. */
  readonly data: DmaBuffer;
}

/** Call this in the thread that drives the queue. */
export function borrowQueue(offer: QueueOffer): BorrowedQueue {
  const device = adopt(offer.token);
  const [sq, cq, lists, data] = device.memory as [DmaBuffer, DmaBuffer, DmaBuffer, DmaBuffer];
  const { tail, head } = doorbells(offer.id, offer.dstrd);
  const bar = device.bar(0);
  const queue = new QueuePair({
    id: offer.id,
    entries: offer.entries,
    sq,
    cq,
    doorbells: { tail: bar.doorbell(tail), head: bar.doorbell(head) },
  });
  device.vector(offer.vector).on(() => pollUnlessTakenBack(queue));
  device.on('close', () => queue.abortAll());
  const { listBytes, maxTransferBytes } = offer;
  const owner = {
    io: { queue, lists, listBytes, maxTransferBytes },
    errorOf: (what: string, status: number) => new NvmeStatusError(what, status),
  };
  return { device, namespace: new Namespace(owner, offer.identity), data };
}

/** After a revocation the doorbells throw at once; this thread's `close` event follows a little later. */
function pollUnlessTakenBack(queue: QueuePair): void {
  try {
    while (queue.poll() === queue.entries);
  } catch (error) {
    if (!(error instanceof VfioError && error.code === 'ERR_VFIO_CLOSED')) throw error;
  }
}
