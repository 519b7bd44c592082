// SPDX-License-Identifier: MIT
// An open PCI function.
import { EventEmitter } from 'node:events';
import type { ConfigSpace } from './config-space.js';
import type { AffectedDevice, DeviceInfo } from './device-info.js';
import { awaitHotReset } from './diagnose/hot-reset.js';
import { armInterrupts } from './diagnose/interrupts.js';
import type { DmaBuffer } from './dma.js';
import type { DmaOptions } from './dma-options.js';
import { closedError, rangeError, unsupportedError, VfioError } from './errors.js';
import { type Grant, type GrantOptions, makeGrant } from './grant.js';
import { awaitNative, callNative } from './internal/call.js';
import { inOrder } from './internal/closing.js';
import { DeviceRegions } from './internal/device-regions.js';
import { keepWhileHeard, stopWatching, watchForLeak } from './internal/leaks.js';
import { startOpening } from './internal/opening.js';
import { mustBeOurs, type Ours, ours } from './internal/ours.js';
import { callUser, warn } from './internal/report.js';
import { boolean, integer, oneOf, options } from './internal/validate.js';
import {
  type InterruptInfo,
  type InterruptType,
  interruptIndex,
  interruptInfo,
  interruptTypes,
} from './interrupts/types.js';
import { endInterrupts, InterruptSet } from './interrupts.js';
import type { Native, NativeChange, NativeDevice, NativeDmaRequest } from './native.js';
import type { Region } from './region.js';
import { romIndex } from './region-info.js';

/** How interrupts are armed. */
export interface InterruptOptions {
  /** How many vectors, from the first on; 1 unless said. */
  count?: number | undefined;
}

/** The events of a {@link Device}. Watching for them does not keep the process alive. */
export interface DeviceEvents {
  /**
   * The kernel wants the device back, to unbind or to unplug it (`VFIO_PCI_REQ_IRQ_INDEX`). Close
   * the device; after a grace time it is closed. Without a listener it is closed at once, with a
   * warning.
   */
  request: [];
  /** The device or its link reported an uncorrectable error (AER, `VFIO_PCI_ERR_IRQ_INDEX`). */
  fault: [];
  /**
   * A reset ended: the device has forgotten its state, bus master is off, no interrupt is armed. Also when it
   * was the {@link Device.hotReset} of another device, and then even if that failed: the device was quieted
   * for it.
   */
  reset: [];
  /**
   * The device is gone: its config space read all ones when somebody looked, which is at the other
   * events, in {@link Device.reset}, and when a read of {@link Device.config} gives all ones. (A BAR
   * of a device that is gone reads all ones, too, or throws `ERR_VFIO_BUS`.) From now on every use
   * throws `ERR_VFIO_LOST`; close it.
   */
  lost: [];
  /** It is closed. */
  close: [];
}

const flagReset = 1;
const hotResetHint =
  'device.hotReset() resets its whole slot or bus, with every device of device.hotResetInfo().';
const defaultGrace = 10_000;

/** @internal What a device does to a container that is its own. */
export interface OwnContainer {
  /** Nothing more is opened or mapped in it. */
  refuse(): void;
  /** Not when it closes already: then it is waiting for this device. */
  close(): Promise<void> | undefined;
}

/** @internal The memory of a container, as one of its devices reaches it. */
export interface DeviceMemory {
  /** Reads and checks what an allocation asks for. */
  check(bytes: number, options?: DmaOptions): NativeDmaRequest;
  alloc(request: NativeDmaRequest): DmaBuffer;
  allocAsync(request: NativeDmaRequest): Promise<DmaBuffer>;
  /** Whether a buffer is open and of this container. */
  owns(buffer: DmaBuffer): boolean;
}

/** @internal What a device is made of. */
export interface DeviceParts<Parent> {
  native: Native;
  device: NativeDevice;
  container: Parent;
  memory: DeviceMemory;
  /** Its container, where that was made for it alone: closed with it. */
  ownContainer: OwnContainer | undefined;
  requestGrace: number | undefined;
  addressBits: number;
  /** Called once it is closed. */
  onClosed(device: Device<Parent>): void;
}

/** Weak: the addon holds these callbacks, which must not keep a forgotten device alive. */
let watch: (device: WeakRef<Device<unknown>>, native: NativeDevice) => void;

/**
 * A device: one PCI function, opened (`VFIO_GROUP_GET_DEVICE_FD`). Obtained from
 * {@link openDevice}, {@link Container.openDevice} and {@link Group.openDevice}; closed with its container
 * or group, or before.
 *
 * After open and after reset memory decode is on, bus master is off and no interrupt is armed. What
 * it does after {@link close} throws or rejects with `ERR_VFIO_CLOSED`; during {@link reset}, with
 * `ERR_VFIO_BUSY`.
 *
 * `Parent` is always {@link Container}. It is a parameter because container.ts makes devices, so that this file
 * cannot import that one.
 */
export class Device<Parent> extends EventEmitter<DeviceEvents> implements AsyncDisposable {
  static {
    watch = (device, native) => {
      native.onHotReset((over) => {
        const alive = device.deref();
        if (alive !== undefined) alive.#takenAlong(over);
      });
      native.onChange((change) => {
        const alive = device.deref();
        if (alive !== undefined) alive.#changed(change);
        else if (change.requested) closeForgotten(native);
      });
    };
  }

  /** Its full PCI address, `0000:01:00.0`. */
  readonly address: string;
  readonly info: DeviceInfo;
  /** How many address bits it drives, as it was said at its opening; 64 unless it was. */
  readonly addressBits: number;
  /** Where its DMA memory is mapped. */
  readonly container: Parent;
  /** Config space. */
  readonly config: ConfigSpace;
  readonly #parts: DeviceParts<Parent>;
  readonly #native: NativeDevice;
  readonly #regions: DeviceRegions;
  #interrupts: InterruptSet | undefined;
  #requested = false;
  #grace: NodeJS.Timeout | undefined;
  #lost = false;
  #closed = false;
  #closing: Promise<void> | undefined;

  /** @internal Use {@link openDevice}. */
  constructor(key: Ours, parts: DeviceParts<Parent>) {
    mustBeOurs(key);
    super();
    this.#parts = parts;
    this.#native = parts.device;
    this.#regions = new DeviceRegions(this, parts.native, parts.device);
    this.address = parts.device.address;
    this.container = parts.container;
    this.addressBits = parts.addressBits;
    this.config = this.#regions.config;
    this.info = this.#readInfo();
    watch(new WeakRef(this), parts.device);
    watchForLeak(this, `Device ${this.address}`);
    keepWhileHeard(this);
  }

  /** Whether {@link close} was called, by whomever. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * The region `index` (`VFIO_PCI_*_REGION_INDEX`); the same object every time. Throws a RangeError
   * for a number that no region can have, `ERR_VFIO_UNSUPPORTED` for a region that this device does
   * not have.
   */
  region(index: number): Region {
    integer('the region', index, 0, this.#native.info.numRegions - 1);
    this.#mustBeOpen();
    return this.#regions.at(index);
  }

  /** The base address register `index`, from 0 to 5. Throws as {@link region} does. */
  bar(index: number): Region {
    integer('the BAR', index, 0, 5);
    return this.region(index);
  }

  /** The expansion ROM; undefined when the device has none. */
  get rom(): Region | undefined {
    const present = this.info.regions.some(({ index }) => index === romIndex);
    return present ? this.region(romIndex) : undefined;
  }

  /** What the device has of one type of interrupt (`VFIO_DEVICE_GET_IRQ_INFO`). */
  interruptInfo(type: InterruptType): InterruptInfo {
    const index = interruptIndex(checkType(type));
    this.#mustBeOpen();
    return interruptInfo(callNative(() => this.#native.irq(index), this.address));
  }

  /** Whether the device may do DMA and raise MSI and MSI-X (bit 2 of the command register). */
  get busMaster(): boolean {
    this.#mustBeOpen();
    return callNative(() => this.#native.busMaster(), this.address);
  }

  /** Off after open and after reset. Turn it on when the device's DMA addresses are sane. */
  set busMaster(on: boolean) {
    boolean('busMaster', on);
    this.#mustBeOpen();
    callNative(() => this.#native.setBusMaster(on), this.address);
  }

  /**
   * {@link Container.allocDma} of its container, which owns the buffer, at an IOVA that this device reaches
   * ({@link addressBits}).
   */
  allocDma(bytes: number, options?: DmaOptions): DmaBuffer {
    const { memory } = this.#parts;
    const request = memory.check(bytes, options);
    this.#mustBeOpen();
    return memory.alloc(request);
  }

  /**
   * {@link allocDma} on another thread, as {@link Container.allocDmaAsync}. It rejects with `ERR_VFIO_CLOSED` also
   * when the device is closed before the memory is mapped.
   */
  async allocDmaAsync(bytes: number, options?: DmaOptions): Promise<DmaBuffer> {
    const { memory } = this.#parts;
    const request = memory.check(bytes, options);
    this.#mustBeOpen();
    const allocate = () => memory.allocAsync(request);
    return startOpening(allocate, { refusal: () => this.#closedError() }).result;
  }

  /**
   * Arms interrupt vectors (`VFIO_DEVICE_SET_IRQS`). One set is armed at a time: throws
   * `ERR_VFIO_BUSY` while another is; `ERR_VFIO_UNSUPPORTED` when the device has none of this type;
   * a RangeError when it has fewer; `ERR_VFIO_BUS_MASTER` for MSI and MSI-X while bus master is
   * off, as they would never arrive.
   */
  enableInterrupts(type: InterruptType, options: InterruptOptions = {}): InterruptSet {
    const count = checkCount(options);
    const { count: available } = this.interruptInfo(type);
    if (available === 0) throw unsupportedError(`${this.address} has no ${type}`, this.address);
    if (count > available) {
      throw rangeError(`${this.address} has ${available} vectors of ${type}, not ${count}`);
    }
    this.#mustBeDisarmed();
    const arm = () => this.#native.enableInterrupts(interruptIndex(type), count);
    const armed = armInterrupts(arm, this.address, type);
    const set = new InterruptSet(ours, armed, type, this.address, () => {
      this.#interrupts = undefined;
    });
    this.#interrupts = set;
    return set;
  }

  /**
   * Grants parts of the device to another thread of this process: to a worker that drives one queue,
   * its registers, its interrupt vector and its memory. The worker calls {@link adopt} with the
   * grant's token.
   *
   * The same region or buffer can be granted to several threads and used here too. A vector has one
   * consumer: throws `ERR_VFIO_BUSY` when it is granted already or has a listener here, and while
   * it is granted, listening to it here throws `ERR_VFIO_BUSY`. Throws a TypeError for parts of
   * another device, `ERR_VFIO_CLOSED` for closed ones.
   */
  grant(options: GrantOptions): Grant {
    this.#mustBeOpen();
    const granter = {
      device: this,
      native: this.#native,
      interrupts: this.#interrupts,
      ownsBuffer: (buffer: DmaBuffer) => this.#parts.memory.owns(buffer),
      mustBeOpen: () => this.#mustBeOpen(),
    };
    return makeGrant(granter, options);
  }

  /**
   * Resets the device (`VFIO_DEVICE_RESET`). Closes its interrupt set first, which ends the grants of
   * its vectors; regions and DMA buffers stay valid, and so do grants of these alone. Accesses
   * meanwhile throw `ERR_VFIO_BUSY`. Rejects with `ERR_VFIO_UNSUPPORTED` when the device has no reset
   * of its own (see {@link hotReset}), with `ERR_VFIO_CLOSED` when it was closed meanwhile.
   */
  async reset(): Promise<void> {
    this.#mustBeOpen();
    if (!this.info.resettable) {
      throw unsupportedError(`${this.address} has no reset of its own`, this.address, hotResetHint);
    }
    this.#endInterrupts();
    await awaitNative(() => this.#untilReset(() => this.#native.reset()), this.address);
  }

  /**
   * Every device that {@link hotReset} would reset, this one among them, by `VFIO_DEVICE_GET_PCI_HOT_RESET_INFO`;
   * an empty list when neither its slot nor its bus can be reset, as on a root bus.
   */
  hotResetInfo(): readonly AffectedDevice[] {
    this.#mustBeOpen();
    const affected = callNative(() => this.#native.hotResetInfo(), this.address);
    return Object.freeze(affected.map((device) => Object.freeze(device)));
  }

  /**
   * Resets the slot or bus that the device is on (`VFIO_DEVICE_PCI_HOT_RESET`): the reset for a device without
   * {@link reset}, or that does not answer to it. It takes along all of {@link hotResetInfo}. Each of them
   * has to be bound to vfio-pci, and its group held by this process, with a device of it open or by
   * {@link Container.openGroup}.
   *
   * For this device it is as {@link reset}. Every other one of this process, in whichever thread, is busy
   * meanwhile too; as its thread's event loop hears of it, its interrupt set closes, and afterwards it emits
   * `reset`.
   *
   * Rejects, and nothing was reset: with `ERR_VFIO_UNSUPPORTED` when there is no such reset, or a group is not
   * held here, and `ERR_VFIO_NOT_BOUND` when one of these devices is bound to another driver, both with a hint that
   * says which; `ERR_VFIO_BUSY` when one is being opened, reset or closed, `ERR_VFIO_LOST` when one is gone;
   * `EPERM` and `EBUSY` as the kernel refuses, when a group is not this process's to reset, or something else is at
   * work on one of them.
   */
  async hotReset(): Promise<void> {
    this.#mustBeOpen();
    const affected = this.hotResetInfo();
    const reset = () =>
      this.#untilReset(() => {
        const began = this.#native.hotReset();
        // Only now, as it may be refused.
        this.#endInterrupts();
        return began;
      });
    await awaitHotReset(reset, this.address, affected);
  }

  /**
   * Closes the device: at once as far as anyone can see, with its interrupt set; the promise
   * resolves when the kernel has it back, and its private container too. Closing twice gives the
   * same promise.
   */
  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#closed = true;
      this.#parts.ownContainer?.refuse();
      this.#regions.doorbells.mute();
      this.#closing = this.#close();
    }
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #close(): Promise<void> {
    clearTimeout(this.#grace);
    stopWatching(this);
    return inOrder(
      () => this.#endInterrupts(),
      () => awaitNative(() => this.#native.close(), this.address),
      () => this.#parts.onClosed(this),
      () => this.#parts.ownContainer?.close(),
      () => callUser(() => this.emit('close')),
    );
  }

  /** `begin` is refused at once while another reset is in flight, which is the one to let writes through again. */
  async #untilReset(begin: () => Promise<void>): Promise<void> {
    const reset = begin();
    this.#regions.doorbells.mute();
    try {
      await reset;
    } finally {
      this.#takeWrites();
    }
    this.#mustBeOpen();
    callUser(() => this.emit('reset'));
  }

  /** Another device's hot reset takes this one along. */
  #takenAlong(over: boolean): void {
    if (this.#closed) return;
    if (over) {
      this.#takeWrites();
      callUser(() => this.emit('reset'));
    } else {
      this.#regions.doorbells.mute();
      try {
        this.#interrupts?.close();
      } catch (failure) {
        warn(`Closing the interrupts of ${this.address} failed`, failure);
      }
    }
  }

  #endInterrupts(): void {
    if (this.#interrupts !== undefined) endInterrupts(this.#interrupts);
  }

  #takeWrites(): void {
    if (!this.#closed && !this.#lost) this.#regions.doorbells.unmute();
  }

  #mustBeOpen(): void {
    const error = this.#closedError();
    if (error !== undefined) throw error;
  }

  #closedError(): VfioError | undefined {
    return this.#closed ? closedError(`Device ${this.address}`, this.address) : undefined;
  }

  #mustBeDisarmed(): void {
    if (this.#interrupts === undefined) return;
    const { type, count } = this.#interrupts;
    const message = `${this.address} has ${count} vectors of ${type} armed`;
    const fields = { address: this.address, hint: 'Close that InterruptSet first.' };
    throw new VfioError('ERR_VFIO_BUSY', message, fields);
  }

  #readInfo(): DeviceInfo {
    const { vendorId, deviceId, classCode } = this.config;
    const { flags } = this.#native.info;
    return Object.freeze({
      vendorId,
      deviceId,
      classCode,
      resettable: (flags & flagReset) !== 0,
      regions: Object.freeze(this.#regions.list()),
      group: this.#native.group,
    });
  }

  #changed({ lost, requested, fault }: NativeChange): void {
    if (this.#closed) return;
    if (lost) this.#lose();
    if (fault) callUser(() => this.emit('fault'));
    if (requested && !this.#requested) this.#giveBack();
  }

  #lose(): void {
    this.#lost = true;
    this.#regions.doorbells.mute();
    callUser(() => this.emit('lost'));
  }

  #giveBack(): void {
    this.#requested = true;
    const closeUnasked = () => closeInBackground(this.address, () => this.close());
    if (this.listenerCount('request') === 0) {
      warnOfRequest(
        this.address,
        "Listen to the device's 'request' event to stop it in order first.",
      );
      closeUnasked();
      return;
    }
    this.#grace = setTimeout(closeUnasked, this.#parts.requestGrace ?? defaultGrace).unref();
    callUser(() => this.emit('request'));
  }
}

/** Nobody has the Device or a part of it any more: the kernel would wait for ever. */
function closeForgotten(native: NativeDevice): void {
  warnOfRequest(native.address, 'It was garbage collected without close().');
  closeInBackground(native.address, () => native.close());
}

function warnOfRequest(address: string, detail: string): void {
  const warning = { type: 'VfioWarning', code: 'VFIO_REQUEST', detail };
  process.emitWarning(`The kernel wants ${address} back: closing it`, warning);
}

function closeInBackground(address: string, close: () => Promise<void>): void {
  close().catch((failure: unknown) => warn(`Closing ${address} failed`, failure));
}

function checkType(type: InterruptType): InterruptType {
  return oneOf('the type', type, interruptTypes);
}

function checkCount(given: InterruptOptions): number {
  const { count = 1 } = options('enableInterrupts', given, ['count']);
  return integer('count', count, 1, Number.MAX_SAFE_INTEGER);
}
