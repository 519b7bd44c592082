// SPDX-License-Identifier: MIT
// The addon's exact shape, in declarations; internal/load-native.ts loads it. Native code throws and rejects with
// plain data (NativeFailure); lib/errors.ts makes errors of it.

/** What native code throws: a failed system call, or a failure of the library's own. */
export type NativeFailure =
  | { errno: number; syscall: string; request: string; path: string }
  | { code: string; message: string };

/** generation << 12 | index: names one region (or window) of one open device in this thread. */
export type Handle = number;

/**
 * Accessors do not throw: a read gives a number >= 0 (64 bits: a bigint), a write gives undefined,
 * and either gives one of these when it failed. Below `SYSTEM` lies a system call's errno: SYSTEM -
 * errno.
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
  /** A poll's time was up: only from poll32. */
  NOT_YET: -9,
  SYSTEM: -1000,
  /** Of write32Flush, the read after the write failed: READ_BACK plus one of the others. */
  READ_BACK: -1_000_000,
} as const;

export interface NativeLimits {
  attached: boolean;
  /** Pairs of first and last IOVA, ascending. */
  ranges: [bigint, bigint][];
  /** One bit a page size. */
  pageSizes: bigint;
  mappingsAvailable: number | undefined;
}

/** 0 both, 1 to the device, 2 from the device. */
export type NativeDirection = 0 | 1 | 2;

/** What an open asks for. */
export interface NativeOpenRequest {
  address: string;
  /** How many address bits the device drives; 64 unless said. */
  addressBits?: number;
  vfToken?: string | undefined;
}

/** What an allocation asks for; undefined where it does not matter. */
export type NativeDmaRequest = [
  bytes: number,
  direction: NativeDirection,
  iova: bigint | undefined,
  /** Of the device that is to reach it; else of the narrowest that is open. */
  addressBits: number | undefined,
  /** Powers of two, in bytes. */
  alignment: number | undefined,
  boundary: number | undefined,
];

export interface NativeContainer {
  readonly backend: string;
  limits(): NativeLimits;
  groupOf(address: string): number | undefined;
  /** `descriptor`: its node, when that was opened elsewhere; it is duplicated. */
  holdGroup(id: number, descriptor: number | undefined): Promise<void>;
  releaseGroup(id: number): Promise<void>;
  openDevice(request: NativeOpenRequest): Promise<NativeDevice>;
  allocDma(...request: NativeDmaRequest): NativeDmaBuffer;
  allocDmaAsync(...request: NativeDmaRequest): Promise<NativeDmaBuffer>;
  /** Resolves when the descriptor is closed; devices and buffers have been closed before. */
  close(): Promise<void>;
}

export interface NativeRegionInfo {
  index: number;
  /** VFIO_REGION_INFO_FLAG_* */
  flags: number;
  size: number;
  /** Pairs of offset and size that can be mapped. */
  mappable: [number, number][];
  ioPorts: boolean;
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

/** What a hot reset takes along. */
export interface NativeAffectedDevice {
  address: string;
  group: number;
}

export interface NativeDevice {
  readonly address: string;
  readonly group: number | undefined;
  readonly info: { flags: number; numRegions: number; numIrqs: number };
  region(index: number): NativeRegionInfo | undefined;
  irq(index: number): NativeIrqInfo | undefined;
  /** A handle on a region for this thread's accessors, valid until close. */
  acquire(region: number): Handle;
  /**
   * The 4 bytes at an offset of a region, only to be stored to, whole: in a page of their own, so that a bus
   * error loses the store. Nothing where the region cannot be mapped there.
   */
  doorbell(region: number, offset: number): ArrayBuffer | undefined;
  busMaster(): boolean;
  setBusMaster(on: boolean): void;
  /** Arms `count` vectors of VFIO_PCI_INTX/MSI/MSIX_IRQ_INDEX (0, 1, 2). */
  enableInterrupts(index: number, count: number): NativeInterrupts;
  /** Offers these to another thread under `token`. The vectors are of `interrupts`. */
  grant(
    token: string,
    regions: number[],
    interrupts: NativeInterrupts | undefined,
    vectors: number[],
    memory: NativeDmaBuffer[],
  ): NativeGrant;
  /**
   * Calls back when the kernel wants the device back, or it faulted, or is gone. Keeps no process
   * alive.
   */
  onChange(callback: (change: NativeChange) => void): void;
  reset(): Promise<void>;
  /** VFIO_DEVICE_GET_PCI_HOT_RESET_INFO; empty when neither slot nor bus can be reset. */
  hotResetInfo(): NativeAffectedDevice[];
  /** Refuses by throwing, and has changed nothing then; else all of ours that it resets is busy. */
  hotReset(): Promise<void>;
  /**
   * Calls back when another device's hot reset takes this one along: with false as it begins, with true when
   * it is over. Keeps no process alive.
   */
  onHotReset(callback: (over: boolean) => void): void;
  /** Cuts at once, then releases in the background. Idempotent: the same promise. */
  close(): Promise<void>;
}

export interface NativeGrant {
  /** Ends it at once; resolves when the thread that adopted it has let go. */
  revoke(): Promise<void>;
}

/** A grant in the thread that adopted it. */
export interface NativeAdoption {
  readonly address: string;
  /** With a handle each for this thread's accessors. */
  readonly regions: { info: NativeRegionInfo; handle: Handle }[];
  /** Of which `vectors` can be listened to; undefined when there are none. */
  readonly interrupts: NativeInterrupts | undefined;
  /** VFIO_PCI_INTX/MSI/MSIX_IRQ_INDEX. */
  readonly irqIndex: number | undefined;
  readonly vectors: number[];
  readonly memory: NativeDmaBuffer[];
  /** Calls back when it was revoked, and is closed. */
  onRevoked(callback: () => void): void;
  /** Lets go of everything. Closing twice does nothing. */
  close(): void;
}

export interface NativeInterrupts {
  readonly count: number;
  /** Calls back with how often the vector was raised since the last call. One listener a vector. */
  listen(vector: number, callback: (count: number) => void): void;
  unlisten(vector: number): void;
  /** Blocks this thread until the vector is raised, no longer than that; 0 when it was not. */
  wait(vector: number, milliseconds: number): number;
  /** Puts back what was delivered and not used, for the next who listens or waits. */
  giveBack(vector: number, count: number): void;
  /** Whether the vector's listener keeps the process alive (it does at first). */
  ref(vector: number): void;
  unref(vector: number): void;
  /** Makes the kernel raise the vector (VFIO_IRQ_SET_DATA_NONE, ACTION_TRIGGER). */
  trigger(vector: number): void;
  /** INTx only. */
  mask(): void;
  unmask(): void;
  close(): void;
}

export interface NativeDmaBuffer {
  readonly iova: bigint;
  readonly byteLength: number;
  /** The memory; made at the first call. Reads zeros after close. */
  arrayBuffer(): ArrayBuffer;
  close(): void;
}

/** An array whose elements have the width of the accesses. */
export type AccessArray = Uint8Array | Uint16Array | Uint32Array | BigUint64Array;

export interface Native {
  /** `descriptor`: /dev/vfio/vfio, when that was opened elsewhere; it is duplicated. */
  openContainer(descriptor: number | undefined): Promise<NativeContainer>;
  /** Joins the address space that holds the device's group in this process, or makes one. */
  openDevice(
    request: NativeOpenRequest,
  ): Promise<{ container: NativeContainer; device: NativeDevice }>;
  /** Makes what was granted under this token usable in this thread. A token is used once. */
  adopt(token: string): NativeAdoption;
  /** Takes SIGBUS back from who replaced the handler of bus errors, and hands him what is not ours. */
  takeBusErrors(): void;
  /** flock, exclusive, without waiting; false while another opening of the file has it. Closing `fd` gives it back. */
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
  /** Reads until (read & mask) === value, for about that long; NOT_YET when it did not come to that. */
  poll32(handle: Handle, offset: number, mask: number, value: number, microseconds: number): number;
  /** A batch as lib/batch.ts lays it out; the first word counts the commands done. */
  run(handle: Handle, program: ArrayBuffer): number | undefined;
  /** Accesses of `width` bytes each, ascending, to or from memory. */
  readArray(handle: Handle, offset: number, width: number, array: AccessArray): number | undefined;
  writeArray(handle: Handle, offset: number, width: number, array: AccessArray): number | undefined;
}
