// SPDX-License-Identifier: MIT
// Loads the addon of the benchmarks (bench/twins) and declares its functions. Addresses are numbers, times
// nanoseconds.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { projectRoot } from '../tools/paths.js';

export interface BenchNative {
  /** Maps the beginning of a file, or memory without one, for the twins and the bare calls. 0: it failed. */
  map(file: string | undefined, bytes: number): number;
  // The bare Node-API calls, on what was mapped last; the handle is 0.
  read8(handle: number, offset: number): number;
  read16(handle: number, offset: number): number;
  read32(handle: number, offset: number): number;
  read64(handle: number, offset: number): bigint;
  write8(handle: number, offset: number, value: number): void;
  write16(handle: number, offset: number, value: number): void;
  write32(handle: number, offset: number, value: number): void;
  write64(handle: number, offset: number, value: bigint): void;

  // The twins: each gives how long it took.
  bareLoop(turns: number): number;
  read(width: number, address: number, turns: number): number;
  write(width: number, address: number, turns: number): number;
  batch(address: number, length: number, turns: number): number;
  poll(address: number, mask: number, value: number, turns: number): number;
  /** Four stores a turn. */
  doorbell(address: number, turns: number): number;
  field(address: number, turns: number): number;
  readingThread(count: number, gap: number, readerCpu: number, raiserCpu: number): number;
  /** A VFIO container with that group, or -1. */
  openContainer(group: number): number;
  /** -1 as the container: without the ioctl. Gives -1 when the kernel refused. */
  mapDma(container: number, bytes: number): number;
  unmapDma(): number;

  // Signals: one series at a time in the process.
  raiseSeries(eventfd: number, count: number, gap: number, cpu: number): void;
  raiseStorm(eventfd: number, count: number, cpu: number): void;
  /** Gives the processor time of the thread that signalled. */
  endRaising(): number;
  /** How many signals of the series have arrived with this one. */
  arrived(): number;
  latency(index: number): number;

  /** Binds this thread to a processor; 0 when that is not allowed. */
  pin(cpu: number): number;
  now(): number;
  /** Of this thread. */
  processorTime(): number;
}

const path = join(projectRoot, 'build/Release/bench/vfio_bench.node');

export const bench = createRequire(import.meta.url)(path) as BenchNative;
