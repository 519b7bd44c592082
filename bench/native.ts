// SPDX-License-Identifier: MIT
// Loads the addon of the benchmarks (bench/twins) and declares its functions. Addresses are numbers. Times are in
// nanoseconds.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { projectRoot } from '../tools/paths.js';

export interface BenchNative {
  /** Maps the beginning of a file, or memory without a file, for the twins and the bare calls. Returns 0 on failure. */
  map(file: string | undefined, bytes: number): number;
  /** The address of the memory of an ArrayBuffer. */
  addressOf(buffer: ArrayBuffer): number;
  // The bare Node-API calls. They access the last mapping. The handle is 0.
  read8(handle: number, offset: number): number;
  read16(handle: number, offset: number): number;
  read32(handle: number, offset: number): number;
  read64(handle: number, offset: number): bigint;
  write8(handle: number, offset: number, value: number): void;
  write16(handle: number, offset: number, value: number): void;
  write32(handle: number, offset: number, value: number): void;
  write64(handle: number, offset: number, value: bigint): void;

  // The twins. Each returns the time that it took.
  bareLoop(turns: number): number;
  read(width: number, address: number, turns: number): number;
  write(width: number, address: number, turns: number): number;
  batch(address: number, length: number, turns: number): number;
  poll(address: number, mask: number, value: number, turns: number): number;
  /** Makes four stores per turn. */
  doorbell(address: number, turns: number): number;
  field(address: number, turns: number): number;
  readingThread(count: number, gap: number, readerCpu: number, raiserCpu: number): number;
  /** Opens a VFIO container with that group. Returns -1 if that failed. */
  openContainer(group: number): number;
  /** With -1 as the container, it leaves out the ioctl. Returns -1 if the kernel refused. */
  mapDma(container: number, bytes: number): number;
  unmapDma(): number;

  /** Gives a controller of memory a queue pair, by the addresses of its rings: 0 is ours, 1 the twin's. */
  nvmeAttach(index: 0 | 1, sq: number, cq: number, entries: number): void;
  /** Completes the next `count` commands of that queue pair. */
  nvmeComplete(index: 0 | 1, count: number): void;
  /** Attaches the twin's queue pair. Call it once. */
  nvmeOpen(): void;
  /** Submits `depth` commands, rings, lets the device complete them, and polls. */
  nvmeRounds(depth: number, rounds: number): number;
  nvmePollEmpty(turns: number): number;

  // Signals. A process can have one series at a time.
  raiseSeries(eventfd: number, count: number, gap: number, cpu: number): void;
  raiseStorm(eventfd: number, count: number, cpu: number): void;
  /** Returns the processor time of the thread that signalled. */
  endRaising(): number;
  /** Records that a signal arrived now. Returns how many signals of the series have arrived so far. */
  arrived(): number;
  latency(index: number): number;

  /** Binds this thread to a processor. Returns 0 if that is not allowed. */
  pin(cpu: number): number;
  now(): number;
  /** The processor time of this thread. */
  processorTime(): number;
}

const path = join(projectRoot, 'build/Release/bench/vfio_bench.node');

export const bench = createRequire(import.meta.url)(path) as BenchNative;
