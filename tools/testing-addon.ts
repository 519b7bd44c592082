// SPDX-License-Identifier: MIT
// The `testing` export of the developer build: a machine of memory, and system calls that fail on demand. A suite that
// uses it runs with VFIO_BINARY set to that build.
import { loadNative } from '../lib/internal/load-native.js';
import type { Handle } from '../lib/native.js';

export interface DeviceSpec {
  address: string;
  group?: number;
  /** `sparse` lists the mappable areas as pairs of offset and size. Without it, a BAR of I/O ports has none. */
  bars?: {
    size: number;
    mappable?: boolean;
    sparse?: [number, number][];
    ioPorts?: boolean;
    prefetchable?: boolean;
  }[];
  /** The size of the ROM, in bytes. */
  rom?: number;
  intx?: number;
  msi?: number;
  msix?: number;
  err?: boolean;
  req?: boolean;
  reset?: boolean;
  /** A hot reset affects all devices of a slot. A device without a slot cannot be hot-reset. */
  slot?: number;
  /** The value of the command register when the device is opened. */
  command?: number;
  /** A virtual function opens only with the token of its physical function; other devices open without a token. */
  vfToken?: string;
  /** How many MSI or MSI-X vectors the host can spare. */
  vectorsToSpare?: number;
  /** IOVA ranges that the container cannot use while the device is attached, as pairs of first and last IOVA. */
  reserved?: [bigint, bigint][];
}

/** A point in the back end's work at which a test can delay it, stop it or make it fail. */
export interface Stage {
  delay(ms: number): void;
  hold(): void;
  release(): void;
  /** Blocks this thread until a call is held at this point. */
  awaitArrival(): boolean;
  failNext(errno: number): void;
}

/** The hardware side of a device. */
export interface MemoryDevice {
  /** Raises a vector of VFIO_PCI_INTX/MSI/MSIX_IRQ_INDEX. Returns whether an eventfd was signalled. */
  raise(index: number, vector: number): boolean;
  /** Raises an MSI or MSI-X vector `times` times at once, before the listener can run. */
  raiseMany(index: number, vector: number, times: number): boolean;
  /** Raises from another thread, as fast as possible. Resolves with the number of times an eventfd was signalled. */
  storm(index: number, vector: number, times: number): Promise<number>;
  lowerIntx(): void;
  /**
   * The eventfd of an armed vector, for a thread that signals it directly; -1 if the vector is not armed.
   * The device owns it and closes it when the vector is disarmed.
   */
  eventfd(vector: number): number;
  setDecode(on: boolean): void;
  lose(): void;
  notify(change: { lost?: boolean; requested?: boolean; fault?: boolean }): void;
  peek(bar: number, offset: number): number;
  poke(bar: number, offset: number, value: number): void;
  command(): number;
  counts(): { functions: number; eventfds: number; resets: number };
  /** Returns false if the IOMMU blocked the write. */
  dmaWrite(iova: bigint, bytes: Uint8Array): boolean;
  dmaRead(iova: bigint, size: number): Buffer | undefined;
  readonly opening: Stage;
  readonly resetting: Stage;
  readonly closing: Stage;
}

export interface Machine {
  /** The number that `joinMachine` takes, in any thread of the process. */
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
  /** Makes the nth call from now on fail with `errno`. With `name`, only calls of that name count. */
  fail(nth: number, errno: number, name?: string): void;
  /** The call that was made to fail, such as `ioctl VFIO_SET_IOMMU`. */
  failed(): string | undefined;
  /** The number of calls since the last `reset()`. With `name`, only calls of that name count. */
  count(name?: string): number;
  /** The bytes that the library has mapped and not unmapped. `reset()` does not change this number. */
  mappedBytes(): number;
  trace(): void;
  takeTrace(): string[];
}

/**
 * A fake of the kernel's VFIO, below the table of system calls. It has the groups 12 (0000:01:00.0 and .1) and 13
 * (0000:02:00.0). test/native/fake_kernel.h describes them.
 */
export interface FakeKernel {
  /** Everything that is open, mapped or armed, one line each. */
  holdings(): string[];
  /** Raises a vector of VFIO_PCI_*_IRQ_INDEX on every device on which it is armed. */
  raise(index: number, vector: number): void;
  /** Ends the fake kernel. Everything must be closed before. */
  end(): void;
}

/** One executed access to memory. */
export interface TrappedAccess {
  /** The number that {@link AccessTrap.watch} returned for the range. */
  range: number;
  /** In bytes from the start of the range. */
  offset: number;
  write: boolean;
  /** The bytes of the instruction and those after it, in hex. */
  code: string;
}

/** Protects pages so that each access faults, is recorded and then let through (test/native/access_trap.h). */
export interface AccessTrap {
  /** The library's own mapping of a BAR of an open device. The product never exposes this mapping. */
  window(address: string, bar: number): ArrayBuffer;
  /** The page to which a doorbell at that offset of a BAR stores. */
  directPages(address: string, bar: number, offset: number): ArrayBuffer;
  /** Watches a buffer of whole pages from now on. Returns the number of the range, counted from 0. */
  watch(buffer: ArrayBuffer): number;
  /**
   * Until the trap is disarmed, every `nth` read at that offset returns the 32-bit `value`, and all other reads
   * return 0, like a device that becomes ready.
   */
  answer(range: number, offset: number, nth: number, value: number): void;
  arm(): void;
  /** Stops recording. Returns the accesses since `arm()`, in their order. */
  disarm(): TrappedAccess[];
}

interface Testing {
  useMachine(devices: DeviceSpec[]): Machine;
  joinMachine(id: number): Machine;
  useFakeKernel(): FakeKernel;
  releaseHandle(handle: Handle): void;
  ageHandle(handle: Handle): Handle;
  syscalls: Syscalls;
  trap: AccessTrap | undefined;
}

function testing(): Testing {
  return (loadNative() as unknown as { testing: Testing }).testing;
}

/** From now on, the containers of this Node environment open on a machine of memory with these devices. */
export function useMachine(...devices: DeviceSpec[]): Machine {
  return testing().useMachine(devices);
}

/** The same, on a machine that another thread made. */
export function joinMachine(id: number): Machine {
  return testing().joinMachine(id);
}

/** From now on, the containers of this Node environment are type1 containers of a fake kernel for the whole process. */
export function useFakeKernel(): FakeKernel {
  return testing().useFakeKernel();
}

/** Makes a handle of this thread stale while its device stays open. In the product, only closing does that. */
export function releaseHandle(handle: Handle): void {
  testing().releaseHandle(handle);
}

/** Turns a handle into the last one that its entry can have. The one that it was is stale then. */
export function ageHandle(handle: Handle): Handle {
  return testing().ageHandle(handle);
}

export function syscalls(): Syscalls {
  return testing().syscalls;
}

/** The access trap, or undefined on processors other than x86-64. */
export function accessTrap(): AccessTrap | undefined {
  return testing().trap;
}
