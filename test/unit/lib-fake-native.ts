// SPDX-License-Identifier: MIT
// A hand-written fake of the addon, to test the logic of lib/ alone. It logs the calls that it gets, and answers
// what a test tells it to.
import { jest } from '@jest/globals';
import type { AffectedDevice } from '../../lib/affected-device.js';
import type {
  Native,
  NativeAdoption,
  NativeChange,
  NativeContainer,
  NativeDevice,
  NativeDmaBuffer,
  NativeInterrupts,
  NativeOpenRequest,
  NativeRegionInfo,
} from '../../lib/native.js';

/** A promise to settle by hand. */
export interface Deferred<T> {
  promise: Promise<T>;
  resolve(value: T): void;
  reject(reason: unknown): void;
}

export function defer<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

export class FakeInterrupts implements NativeInterrupts {
  readonly listeners = new Map<number, (count: number) => void>();
  /** The results of the next calls of wait(), in order. Once they are used up, wait() returns 0. */
  waits: number[] = [];
  onUnmask = () => {};

  constructor(
    readonly count: number,
    readonly log: string[],
  ) {}

  /** Raises the vector. */
  raise(vector = 0, count = 1): void {
    this.listeners.get(vector)?.(count);
  }

  listen(vector: number, callback: (count: number) => void): void {
    if (this.listeners.has(vector)) throw new Error(`vector ${vector} has a listener`);
    this.log.push(`listen ${vector}`);
    this.listeners.set(vector, callback);
  }

  unlisten(vector: number): void {
    this.log.push(`unlisten ${vector}`);
    this.listeners.delete(vector);
  }

  wait(vector: number, milliseconds: number): number {
    this.log.push(`wait ${vector} ${milliseconds}`);
    return this.waits.shift() ?? 0;
  }

  giveBack(vector: number, count: number): void {
    this.log.push(`give back ${vector} ${count}`);
  }

  ref(vector: number): void {
    this.log.push(`ref ${vector}`);
  }

  unref(vector: number): void {
    this.log.push(`unref ${vector}`);
  }

  trigger(vector: number): void {
    this.log.push(`trigger ${vector}`);
  }

  mask(): void {
    this.log.push('mask');
  }

  unmask(): void {
    this.log.push('unmask');
    this.onUnmask();
  }

  close(): void {
    this.log.push('close interrupts');
    this.listeners.clear();
  }
}

/** A function like that of an NVMe controller: config space, a BAR of 16 KiB, one INTx, four MSI-X vectors. */
export class FakeDevice implements NativeDevice {
  readonly group = 12;
  readonly info: { flags: number; numRegions: number; numIrqs: number };
  readonly config = new Uint8Array(4096);
  readonly bar = new Uint8Array(16384);
  interrupts: FakeInterrupts | undefined;
  master = false;
  /** The number that each access returns instead of a value, to report a failure. */
  failure: number | undefined;
  change: (change: NativeChange) => void = () => {};
  /** Reports a hot reset of another device that affects this one: `over` is false at its begin, true at its end. */
  resetByOther: (over: boolean) => void = () => {};
  slot: AffectedDevice[] = [];
  hotResetFailure: unknown;
  closing: Deferred<void> | undefined;
  resetting: Deferred<void> | undefined;
  #closed: Promise<void> | undefined;

  constructor(
    readonly address: string,
    readonly log: string[],
    flags = 3,
  ) {
    this.info = { flags, numRegions: 9, numIrqs: 5 };
    const header = new DataView(this.config.buffer);
    header.setUint16(0x00, 0x1b36, true);
    header.setUint16(0x02, 0x0010, true);
    header.setUint32(0x08, 0x010802_02, true);
  }

  region(index: number) {
    const sizes: Record<number, number> = { 0: 16384, 6: 0, 7: 4096 };
    const size = sizes[index];
    if (size === undefined) return undefined;
    const none = { ioPorts: false, prefetchable: false, type: undefined, subtype: undefined };
    return { index, flags: 7, size, mappable: [], ...none };
  }

  /** The fake has no doorbells: its registers are not mapped memory. */
  map() {
    return undefined;
  }

  irq(index: number) {
    const irqs = [
      { index: 0, flags: 7, count: 1 },
      { index: 1, flags: 9, count: 0 },
      { index: 2, flags: 9, count: 4 },
    ];
    return irqs[index];
  }

  acquire(region: number): number {
    return region;
  }

  busMaster(): boolean {
    return this.master;
  }

  setBusMaster(on: boolean): void {
    this.master = on;
  }

  enableInterrupts(index: number, count: number): NativeInterrupts {
    this.log.push(`arm ${index} ${count}`);
    this.interrupts = new FakeInterrupts(count, this.log);
    return this.interrupts;
  }

  grant(): never {
    throw new Error('FakeDevice grants nothing');
  }

  onChange(callback: (change: NativeChange) => void): void {
    this.change = callback;
  }

  async reset(): Promise<void> {
    this.log.push('reset');
    await this.resetting?.promise;
    this.master = false;
  }

  hotResetInfo(): AffectedDevice[] {
    return this.slot;
  }

  async hotReset(): Promise<void> {
    this.log.push('hot reset');
    await this.resetting?.promise;
    if (this.hotResetFailure !== undefined) throw this.hotResetFailure;
  }

  onHotReset(callback: (over: boolean) => void): void {
    this.resetByOther = callback;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.log.push(`close ${this.address}`);
    await this.closing?.promise;
    this.log.push(`closed ${this.address}`);
  }
}

export class FakeContainer implements NativeContainer {
  readonly backend = 'fake';
  readonly devices: FakeDevice[] = [];
  attached = true;
  /** VFIO_DEVICE_FLAGS_* of the devices that are opened from now on. */
  deviceFlags = 3;
  /** If set, opening a device and holding a group wait for this. */
  opening: Deferred<void> | undefined;
  allocFailure: unknown;
  #iova = 0x10000n;

  constructor(readonly log: string[]) {}

  limits() {
    return {
      attached: this.attached,
      ranges: (this.attached ? [[0n, 0xfedf_ffffn]] : []) as [bigint, bigint][],
      pageSizes: this.attached ? 0x40201000n : 0n,
      mappingsAvailable: 65535,
    };
  }

  groupOf(address: string): number | undefined {
    return address === '0000:02:00.0' ? 13 : 12;
  }

  async holdGroup(id: number): Promise<void> {
    this.log.push(`hold ${id}`);
    await this.opening?.promise;
  }

  async releaseGroup(id: number): Promise<void> {
    this.log.push(`release ${id}`);
  }

  async openDevice({ address, vfToken }: NativeOpenRequest): Promise<NativeDevice> {
    this.log.push(vfToken === undefined ? `open ${address}` : `open ${address} ${vfToken}`);
    await this.opening?.promise;
    const device = new FakeDevice(address, this.log, this.deviceFlags);
    this.devices.push(device);
    return device;
  }

  allocDma(bytes: number, direction: number, iova: bigint | undefined): NativeDmaBuffer {
    if (this.allocFailure !== undefined) throw this.allocFailure;
    const at = iova ?? this.#iova;
    this.#iova += BigInt(bytes);
    this.log.push(`map 0x${at.toString(16)} ${bytes} ${direction}`);
    return fakeBuffer(at, bytes, this.log);
  }

  async allocDmaAsync(bytes: number, direction: number, iova: bigint | undefined) {
    return this.allocDma(bytes, direction, iova);
  }

  async close(): Promise<void> {
    this.log.push('close container');
  }
}

export function fakeBuffer(iova: bigint, byteLength: number, log: string[]): NativeDmaBuffer {
  return {
    iova,
    byteLength,
    arrayBuffer: () => {
      log.push('arrayBuffer');
      return new ArrayBuffer(byteLength);
    },
    close: () => {
      log.push(`unmap 0x${iova.toString(16)}`);
    },
  };
}

/** The granted parts of a FakeDevice: BAR 0 and config space, MSI-X vectors 1 and 3, a buffer. */
export class FakeAdoption implements NativeAdoption {
  readonly address: string;
  readonly regions: NativeAdoption['regions'];
  readonly vectors = [1, 3];
  readonly memory: NativeDmaBuffer[];
  interrupts: FakeInterrupts | undefined;
  irqIndex: number | undefined = 2;
  /** Ends the adoption, as the granting thread would. */
  revoke = () => {};
  readonly #log: string[];

  constructor(device: FakeDevice) {
    this.address = device.address;
    this.#log = device.log;
    this.regions = [0, 7].map((index) => ({
      info: device.region(index) as NativeRegionInfo,
      handle: device.acquire(index),
    }));
    this.interrupts = new FakeInterrupts(4, device.log);
    this.memory = [fakeBuffer(0x10000n, 4096, device.log)];
  }

  onRevoked(callback: () => void): void {
    this.revoke = callback;
  }

  close(): void {
    this.#log.push('let go');
  }
}

function notFaked(): never {
  throw new Error('FakeNative does single accesses only');
}

/** The addon over one fake container. A handle is the index of a region of the newest device. */
export class FakeNative implements Native {
  readonly log: string[] = [];
  readonly container = new FakeContainer(this.log);
  /** The name and the arguments of the last access. */
  access: [name: string, handle: number, offset: number, value?: number | bigint] | undefined;

  async openContainer(): Promise<NativeContainer> {
    return this.container;
  }

  adopt(_token: string): NativeAdoption {
    return new FakeAdoption(this.device);
  }

  takeBusErrors = notFaked;
  tryLock = notFaked;

  async openDevice(request: NativeOpenRequest) {
    const device = await this.container.openDevice(request);
    return { container: this.container, device };
  }

  // test/memory/sequences.test.ts tests sequences: only the memory back end really makes them.
  write32Flush = notFaked;
  poll32 = notFaked;
  run = notFaked;
  readArray = notFaked;
  writeArray = notFaked;

  /** The device that was opened last. */
  get device(): FakeDevice {
    return this.container.devices.at(-1) as FakeDevice;
  }

  read8 = (handle: number, offset: number) => this.#read('read8', handle, offset, 1);
  read16 = (handle: number, offset: number) => this.#read('read16', handle, offset, 2);
  read32 = (handle: number, offset: number) => this.#read('read32', handle, offset, 4);

  read64 = (handle: number, offset: number) => {
    this.access = ['read64', handle, offset];
    return this.device.failure ?? this.#view(handle).getBigUint64(offset, true);
  };

  write8 = (handle: number, offset: number, value: number) =>
    this.#write('write8', handle, offset, value, (view) => view.setUint8(offset, value));
  write16 = (handle: number, offset: number, value: number) =>
    this.#write('write16', handle, offset, value, (view) => view.setUint16(offset, value, true));
  write32 = (handle: number, offset: number, value: number) =>
    this.#write('write32', handle, offset, value, (view) => view.setUint32(offset, value, true));
  write64 = (handle: number, offset: number, value: bigint) =>
    this.#write('write64', handle, offset, value, (view) => view.setBigUint64(offset, value, true));

  #read(name: string, handle: number, offset: number, bytes: 1 | 2 | 4): number {
    this.access = [name, handle, offset];
    if (this.device.failure !== undefined) return this.device.failure;
    const view = this.#view(handle);
    if (bytes === 1) return view.getUint8(offset);
    return bytes === 2 ? view.getUint16(offset, true) : view.getUint32(offset, true);
  }

  #write(
    name: string,
    handle: number,
    offset: number,
    value: number | bigint,
    store: (view: DataView) => void,
  ): number | undefined {
    this.access = [name, handle, offset, value];
    if (this.device.failure !== undefined) return this.device.failure;
    store(this.#view(handle));
    return undefined;
  }

  #view(handle: number): DataView {
    const memory = handle === 7 ? this.device.config : this.device.bar;
    return new DataView(memory.buffer);
  }
}

/** Collects the process warnings of a test, and keeps Node from printing them. */
export function catchWarnings(): { code: unknown; message: string }[] {
  const warnings: { code: unknown; message: string }[] = [];
  jest.spyOn(process, 'emitWarning').mockImplementation((message, options) => {
    const { code } = options as { code?: unknown };
    warnings.push({ code, message: String(message) });
  });
  return warnings;
}

/** The error that a call throws. Fails if the call throws nothing. */
export function thrownBy(work: () => unknown): Error & Record<string, unknown> {
  try {
    work();
  } catch (failure) {
    return failure as Error & Record<string, unknown>;
  }
  throw new Error('nothing was thrown');
}

/** The error that a promise rejects with. Fails if the promise does not reject. */
export async function rejectionOf(
  work: Promise<unknown>,
): Promise<Error & Record<string, unknown>> {
  try {
    await work;
  } catch (failure) {
    return failure as Error & Record<string, unknown>;
  }
  throw new Error('nothing was thrown');
}
