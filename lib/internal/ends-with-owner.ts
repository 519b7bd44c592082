// SPDX-License-Identifier: MIT
// Promises that end when their owner is closed. Node does not report one that nobody has awaited yet.
import { VfioError } from '../errors.js';

/**
 * Returns a promise for work that ends with `ERR_VFIO_CLOSED` if its owner is closed first. What `start` throws
 * rejects the promise.
 *
 * A program can fail between a call and the `await` for its promise. On the way out, it closes what it has open.
 * The rejection that follows from that must not end the process in place of the program's own error. Every other
 * rejection that nobody awaits is reported as usual, and so is a call on an owner that is closed already, which
 * `start` throws for.
 */
export function endsWithOwner<T>(start: () => Promise<T>): Promise<T> {
  const promise = new Promise<T>((resolve, reject) => {
    start().then(resolve, (reason: unknown) => {
      // A promise with a handler counts as handled. All others that await it still get the rejection.
      if (isClosed(reason)) promise.catch(() => {});
      reject(reason);
    });
  });
  return promise;
}

function isClosed(reason: unknown): boolean {
  return reason instanceof VfioError && reason.code === 'ERR_VFIO_CLOSED';
}
