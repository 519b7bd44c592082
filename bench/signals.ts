// SPDX-License-Identifier: MIT
// Takes a series of signals on one interrupt vector, in any thread.
import type { Device, Interrupt } from 'vfio';
import { bench } from './native.js';

/** Between two signals: long enough for whoever waits to have gone to sleep. */
export const gapMicroseconds = 150;
/** A signal that takes so long is lost. */
const LOST_MS = 5000;

/** Arms the first MSI-X vector of a device. */
export function openInterrupt(device: Device): Interrupt {
  device.busMaster = true;
  return device.enableInterrupts('msix', { count: 1 }).vector(0);
}

/** Where a series comes from. */
export interface Source {
  readonly eventfd: number;
  /** The processor of the thread that signals. */
  readonly cpu: number;
}

/** Takes `signals` signals by a listener. */
export function listen(
  vector: Interrupt,
  { eventfd, cpu }: Source,
  signals: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const lost = setTimeout(() => {
      bench.endRaising();
      reject(new Error('an interrupt was lost'));
    }, LOST_MS);
    const listener = () => {
      if (bench.arrived() < signals) return;
      clearTimeout(lost);
      vector.off(listener);
      resolve();
    };
    vector.on(listener);
    bench.raiseSeries(eventfd, signals, gapMicroseconds, cpu);
  });
}

/** Takes them by waiting. */
export function wait(vector: Interrupt, { eventfd, cpu }: Source, signals: number): void {
  bench.raiseSeries(eventfd, signals, gapMicroseconds, cpu);
  for (let taken = 0; taken < signals; taken++) {
    vector.waitSync(LOST_MS);
    bench.arrived();
  }
}
