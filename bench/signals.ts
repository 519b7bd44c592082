// SPDX-License-Identifier: MIT
// Receives a series of signals on one interrupt vector, in any thread.
import type { Device, Interrupt } from 'vfio';
import { bench } from './native.js';

/** The pause between two signals. It is long enough for the waiting thread to fall asleep. */
export const gapMicroseconds = 150;
/** A signal that takes this long is lost. */
const LOST_MS = 5000;

/** Arms the first MSI-X vector of a device. */
export function openInterrupt(device: Device): Interrupt {
  device.busMaster = true;
  return device.enableInterrupts('msix', { count: 1 }).vector(0);
}

/** The source of a series of signals. */
export interface Source {
  readonly eventfd: number;
  /** The processor of the thread that signals. */
  readonly cpu: number;
}

/** Receives `signals` signals with a listener. */
export function listen(
  vector: Interrupt,
  { eventfd, cpu }: Source,
  signals: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const lost = setTimeout(() => {
      bench.endRaising();
      reject(
        new Error(
          `not all of ${signals} interrupts arrived within ${LOST_MS} ms: at least one was lost`,
        ),
      );
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

/** Receives them with `waitSync`, which blocks the thread. */
export function wait(vector: Interrupt, { eventfd, cpu }: Source, signals: number): void {
  bench.raiseSeries(eventfd, signals, gapMicroseconds, cpu);
  for (let taken = 0; taken < signals; taken++) {
    vector.waitSync(LOST_MS);
    bench.arrived();
  }
}
