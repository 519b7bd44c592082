// SPDX-License-Identifier: MIT
// The `testing` export of the developer build: a machine of memory, and system calls that fail on demand. Suites that use it run with VFIO_BINARY naming that build.
import { loadNative } from '../lib/internal/load-native.js';
import type { Handle } from '../lib/native.js';

export interface DeviceSpec {
  address: string;
  group?: number;
  /** `sparse`: pairs of offset and size, what of it can be mapped; of I/O ports, nothing unless said. */
  bars?: {
    size: number;
    mappable?: boolean;
    sparse?: [number, number][];
    ioPorts?: boolean;
  }[];
  /** The size of its ROM. */
  rom?: number;
  intx?: number;
  msi?: number;
  msix?: number;
  err?: boolean;
  req?: boolean;
  reset?: boolean;
  /** Devices of the same slot are hot-reset together; a device in none cannot be. */
  slot?: number;
  /** The command register as an open finds it. */
  command?: number;
  /** A virtual function opens only with the token of its physical one; any other without. */
  vfToken?: string;
  /** How many MSI or MSI-X vectors the host can spare. */
  vectorsToSpare?: number;
  /** Pairs of first and last IOVA that its container loses while it is attached. */
  reserved?: [bigint, bigint][];
}

/** A point the back end passes through. */
export interface Stage {
  delay(ms: number): void;
  hold(): void;
  release(): void;
  /** Waits (blocking) until somebody is held. */
  awaitArrival(): boolean;
  failNext(errno: number): void;
}

/** The hardware's part of a device. */
export interface MemoryDevice {
  /** Raises a vector of VFIO_PCI_INTX/MSI/MSIX_IRQ_INDEX; whether an eventfd was signalled. */
  raise(index: number, vector: number): boolean;
  /** So many raises of MSI or MSI-X that nobody heard yet. */
  raiseMany(index: number, vector: number, times: number): boolean;
  /** Raises in a thread of its own, as fast as it goes; how often an eventfd was signalled. */
  storm(index: number, vector: number, times: number): Promise<number>;
  lowerIntx(): void;
  /**
   * The eventfd behind an armed vector, for a thread that raises it by itself; -1 for none. It stays the
   * device's, and is closed when the vector is disarmed.
   */
  eventfd(vector: number): number;
  setDecode(on: boolean): void;
  lose(): void;
  notify(change: { lost?: boolean; requested?: boolean; fault?: boolean }): void;
  peek(bar: number, offset: number): number;
  poke(bar: number, offset: number, value: number): void;
  command(): number;
  counts(): { functions: number; eventfds: number; resets: number };
  /** False when the IOMMU stopped it. */
  dmaWrite(iova: bigint, bytes: Uint8Array): boolean;
  dmaRead(iova: bigint, size: number): Buffer | undefined;
  readonly opening: Stage;
  readonly resetting: Stage;
  readonly closing: Stage;
}

export interface Machine {
  /** Names it to joinMachine, in any thread of the process. */
  readonly id: number;
  device(address: string): MemoryDevice;
  setViable(group: number, viable: boolean): void;
  setBusyElsewhere(group: number, busy: boolean): void;
  counts(): { containers: number; groups: number; dmaFaults: number };
  mappings(group: number): { iova: bigint; size: number; direction: number }[];
  readonly mapping: Stage;
  readonly unmapping: Stage;
}

export interface Syscalls {
  reset(): void;
  /** The nth call of that name from now on fails; without a name, any. */
  fail(nth: number, errno: number, name?: string): void;
  /** The call that failed, `ioctl VFIO_SET_IOMMU` and so on. */
  failed(): string | undefined;
  /** Calls of that name since the last reset; of all, without one. */
  count(name?: string): number;
  /** What the library has mapped and not unmapped; nothing resets it. */
  mappedBytes(): number;
  trace(): void;
  takeTrace(): string[];
}

/**
 * VFIO as the kernel offers it, below the table of system calls: groups 12 (0000:01:00.0 and .1) and 13
 * (0000:02:00.0); test/native/fake_kernel.h has what they are.
 */
export interface FakeKernel {
  /** What is open, mapped and armed, a line each. */
  holdings(): string[];
  /** Raises a vector of VFIO_PCI_*_IRQ_INDEX of every device that has it armed. */
  raise(index: number, vector: number): void;
  /** Nothing may be open any more. */
  end(): void;
}

/** One access that was executed. */
export interface TrappedAccess {
  /** As {@link AccessTrap.watch} numbered it. */
  range: number;
  /** In bytes from the start of the range. */
  offset: number;
  write: boolean;
  /** The instruction and what follows it, in hex. */
  code: string;
}

/** Closes pages so that each access to them faults, is written down and let through (test/native/access_trap.h). */
export interface AccessTrap {
  /** The library's own mapping of a BAR of an open device; what the product never gives away. */
  window(address: string, bar: number): ArrayBuffer;
  /** The page that stores of a doorbell at that offset of a BAR go to. */
  doorbellPage(address: string, bar: number, offset: number): ArrayBuffer;
  /** Watches a buffer of whole pages from now on; numbers it from 0. */
  watch(buffer: ArrayBuffer): number;
  /**
   * Until disarmed, every `nth` read at that offset finds the 32-bit `value` there, and the reads between
   * find 0: a device that gets ready.
   */
  answer(range: number, offset: number, nth: number, value: number): void;
  arm(): void;
  /** The accesses since then, in their order. */
  disarm(): TrappedAccess[];
}

interface Testing {
  useMachine(devices: DeviceSpec[]): Machine;
  joinMachine(id: number): Machine;
  useFakeKernel(): FakeKernel;
  releaseHandle(handle: Handle): void;
  syscalls: Syscalls;
  trap: AccessTrap | undefined;
}

function testing(): Testing {
  return (loadNative() as unknown as { testing: Testing }).testing;
}

/** From now on this environment's containers are opened on a machine with these devices. */
export function useMachine(...devices: DeviceSpec[]): Machine {
  return testing().useMachine(devices);
}

/** The same with a machine that another thread made. */
export function joinMachine(id: number): Machine {
  return testing().joinMachine(id);
}

/** From now on this environment's containers are type1's, on a fake kernel for the whole process. */
export function useFakeKernel(): FakeKernel {
  return testing().useFakeKernel();
}

/** Makes a handle of this thread stale while its device stays open; in the product only close does. */
export function releaseHandle(handle: Handle): void {
  testing().releaseHandle(handle);
}

export function syscalls(): Syscalls {
  return testing().syscalls;
}

/** Undefined where it does not work: on everything but x86-64. */
export function accessTrap(): AccessTrap | undefined {
  return testing().trap;
}
