// SPDX-License-Identifier: MIT
// The types of the addon's exports; internal/load-native.ts loads it. Native code throws and rejects with
// plain data (NativeFailure), and lib/errors.ts makes errors from that data.
import type { AffectedDevice } from './affected-device.js';

/** The data that native code throws: a failed system call, or a failure of the library itself. */
export type NativeFailure =
  | { errno: number; syscall: string; request: string; path: string }
  | { code: string; message: string };

/** Names one region (or window) of one open device in this thread: generation << 12 | index. */
export type Handle = number;

/**
 * Accessors do not throw. A read returns a number of at least 0 (a bigint for 64 bits), and a write returns
 * undefined. After a failure, both return one of these numbers. A number below `SYSTEM` stands for a failed
 * system call: it is SYSTEM - errno.
 */
export const AccessFailure = {
  CLOSED: -1,
  BUSY: -2,
  LOST: -3,
  BUS: -4,
  RANGE: -5,
  ALIGN: -6,
  WRONG_THREAD: -7,
  UNSUPPORTED: -8,
  /** The time of a poll is up. Only poll32 returns it. */
  NOT_YET: -9,
  SYSTEM: -1000,
  /** In write32Flush, the read after the write failed: READ_BACK plus one of the numbers above. */
  READ_BACK: -1_000_000,
} as const;

export interface NativeLimits {
  attached: boolean;
  /** Pairs of first and last IOVA, in ascending order. */
  ranges: [bigint, bigint][];
  /** One bit for each page size. */
  pageSizes: bigint;
  mappingsAvailable: number | undefined;
}

/** 0 is both, 1 is to the device, 2 is from the device. */
export type NativeDirection = 0 | 1 | 2;

/** The request to open a device. */
export interface NativeOpenRequest {
  address: string;
  /** How many address bits the device drives; default 64. */
  addressBits?: number;
  vfToken?: string | undefined;
}

/** The request for DMA memory. A part is undefined if it does not matter. */
export type NativeDmaRequest = [
  bytes: number,
  direction: NativeDirection,
  iova: bigint | undefined,
  /** Those of the device that must reach the memory. Default: the fewest among the open devices. */
  addressBits: number | undefined,
  /** Powers of two, in bytes. */
  alignment: number | undefined,
  boundary: number | undefined,
];

export interface NativeContainer {
  readonly backend: string;
  limits(): NativeLimits;
  groupOf(address: string): number | undefined;
  /** `descriptor`: the node of the group, if it was opened elsewhere. It is duplicated. */
  holdGroup(id: number, descriptor: number | undefined): Promise<void>;
  releaseGroup(id: number): Promise<void>;
  openDevice(request: NativeOpenRequest): Promise<NativeDevice>;
  allocDma(...request: NativeDmaRequest): NativeDmaBuffer;
  allocDmaAsync(...request: NativeDmaRequest): Promise<NativeDmaBuffer>;
  /** Resolves when the descriptor is closed. Devices and buffers must be closed before. */
  close(): Promise<void>;
}

export interface NativeRegionInfo {
  index: number;
  /** VFIO_REGION_INFO_FLAG_* */
  flags: number;
  size: number;
  /** Pairs of offset and size of the parts that can be mapped. */
  mappable: [number, number][];
  ioPorts: boolean;
  prefetchable: boolean;
  type: number | undefined;
  subtype: number | undefined;
}

export interface NativeIrqInfo {
  index: number;
  /** VFIO_IRQ_INFO_* */
  flags: number;
  count: number;
}

export interface NativeChange {
  lost: boolean;
  requested: boolean;
  fault: boolean;
}

export interface NativeDevice {
  readonly address: string;
  readonly group: number | undefined;
  readonly info: { flags: number; numRegions: number; numIrqs: number };
  region(index: number): NativeRegionInfo | undefined;
  irq(index: number): NativeIrqInfo | undefined;
  /** Returns a handle on a region for the accessors of this thread. It is valid until close. */
  acquire(region: number): Handle;
  /**
   * Maps bytes of a region, for accesses that the compiler makes and nothing guards. They lie in a mapping of
   * their own, so that a bus error loses only these accesses. Returns undefined if the region cannot be mapped
   * there, or if 256 such mappings are in use in this process.
   */
  map(region: number, offset: number, byteLength: number): ArrayBuffer | undefined;
  busMaster(): boolean;
  setBusMaster(on: boolean): void;
  /** Arms `count` vectors of VFIO_PCI_INTX/MSI/MSIX_IRQ_INDEX (0, 1, 2). */
  enableInterrupts(index: number, count: number): NativeInterrupts;
  /** Offers these parts to another thread under `token`. The vectors belong to `interrupts`. */
  grant(
    token: string,
    regions: number[],
    interrupts: NativeInterrupts | undefined,
    vectors: number[],
    memory: NativeDmaBuffer[],
  ): NativeGrant;
  /**
   * Calls back when the kernel wants the device back, and when the device reported an error or is gone. Does
   * not keep the process alive.
   */
  onChange(callback: (change: NativeChange) => void): void;
  reset(): Promise<void>;
  /**
   * VFIO_DEVICE_GET_PCI_HOT_RESET_INFO. The list is empty if the kernel can reset neither the slot nor the
   * bus.
   */
  hotResetInfo(): AffectedDevice[];
  /**
   * Throws if it refuses, and has then changed nothing. Otherwise all affected devices that this process has
   * open are busy when it returns.
   */
  hotReset(): Promise<void>;
  /**
   * Calls back when a hot reset of another device affects this one: with false when the reset begins, with
   * true when it is over. Does not keep the process alive.
   */
  onHotReset(callback: (over: boolean) => void): void;
  /**
   * Ends all use at once, then releases the device in the background. Idempotent: it returns the same
   * promise.
   */
  close(): Promise<void>;
}

export interface NativeGrant {
  /** Ends the grant at once. Resolves when the adopting thread has released all parts. */
  revoke(): Promise<void>;
}

/** A grant, as the thread that adopted it sees it. */
export interface NativeAdoption {
  readonly address: string;
  /** Each with a handle for the accessors of this thread. */
  readonly regions: { info: NativeRegionInfo; handle: Handle }[];
  /** The set to which the granted `vectors` belong; undefined if there are none. */
  readonly interrupts: NativeInterrupts | undefined;
  /** VFIO_PCI_INTX/MSI/MSIX_IRQ_INDEX. */
  readonly irqIndex: number | undefined;
  readonly vectors: number[];
  readonly memory: NativeDmaBuffer[];
  /** Calls back when the grant was revoked. It is then closed. */
  onRevoked(callback: () => void): void;
  /** Releases all parts. Closing it again does nothing. */
  close(): void;
}

export interface NativeInterrupts {
  readonly count: number;
  /**
   * Calls back with the number of times that the vector was raised since the last call. A vector has one
   * listener.
   */
  listen(vector: number, callback: (count: number) => void): void;
  unlisten(vector: number): void;
  /**
   * Blocks this thread until the vector is raised, for at most this time. Returns 0 if it was not raised.
   */
  wait(vector: number, milliseconds: number): number;
  /** Puts back interrupts that were delivered and not used, for the next listener or wait. */
  giveBack(vector: number, count: number): void;
  /** Makes the listener of the vector keep the process alive. This is the default; unref ends it. */
  ref(vector: number): void;
  unref(vector: number): void;
  /** Makes the kernel raise the vector (VFIO_IRQ_SET_DATA_NONE, VFIO_IRQ_SET_ACTION_TRIGGER). */
  trigger(vector: number): void;
  /** INTx only. */
  mask(): void;
  unmask(): void;
  close(): void;
}

export interface NativeDmaBuffer {
  readonly iova: bigint;
  readonly byteLength: number;
  /** The memory. It is made at the first call. After close, it is ordinary memory that begins as zeros. */
  arrayBuffer(): ArrayBuffer;
  close(): void;
}

/** An array whose elements have the width of the accesses: 8, 16, 32 or 64 bits. */
export type AccessArray = Uint8Array | Uint16Array | Uint32Array | BigUint64Array;

export interface Native {
  /** `descriptor`: /dev/vfio/vfio, if it was opened elsewhere. It is duplicated. */
  openContainer(descriptor: number | undefined): Promise<NativeContainer>;
  /** Joins the address space in which this process has the group of the device, or makes a new one. */
  openDevice(
    request: NativeOpenRequest,
  ): Promise<{ container: NativeContainer; device: NativeDevice }>;
  /** Adopts the grant with this token for this thread. Each token works once. */
  adopt(token: string): NativeAdoption;
  /**
   * Installs the addon's SIGBUS handler again after another one replaced it. The addon passes every SIGBUS
   * that no access of the library caused to that other handler.
   */
  takeBusErrors(): void;
  /**
   * Takes an exclusive flock without waiting. Returns false if another opening of the file has it. Closing
   * `fd` releases it.
   */
  tryLock(fd: number): boolean;

  read8(handle: Handle, offset: number): number;
  read16(handle: Handle, offset: number): number;
  read32(handle: Handle, offset: number): number;
  read64(handle: Handle, offset: number): bigint | number;
  write8(handle: Handle, offset: number, value: number): number | undefined;
  write16(handle: Handle, offset: number, value: number): number | undefined;
  write32(handle: Handle, offset: number, value: number): number | undefined;
  write64(handle: Handle, offset: number, value: bigint): number | undefined;

  /** Writes, then reads at `readOffset`, so that the write has reached the device. */
  write32Flush(
    handle: Handle,
    offset: number,
    value: number,
    readOffset: number,
  ): number | undefined;
  /** Reads until (read & mask) === value, for about this time. Returns NOT_YET if that did not happen. */
  poll32(handle: Handle, offset: number, mask: number, value: number, microseconds: number): number;
  /** Runs a batch, laid out as lib/batch.ts does it. The first word counts the commands that are done. */
  run(handle: Handle, program: ArrayBuffer): number | undefined;
  /** Accesses of `width` bytes each, at ascending offsets, to or from memory. */
  readArray(handle: Handle, offset: number, width: number, array: AccessArray): number | undefined;
  writeArray(handle: Handle, offset: number, width: number, array: AccessArray): number | undefined;
}
