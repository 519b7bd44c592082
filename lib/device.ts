// SPDX-License-Identifier: MIT
// An open device: one PCI function, with its regions, interrupts, DMA memory, resets and grants.
import { EventEmitter } from 'node:events';
import type { AffectedDevice } from './affected-device.js';
import type { PowerState } from './capabilities/power-management.js';
import type { ConfigSpace } from './config-space.js';
import type { DeviceInfo } from './device-info.js';
import { awaitHotReset } from './diagnose/hot-reset.js';
import { armInterrupts } from './diagnose/interrupts.js';
import type { DmaBuffer } from './dma.js';
import type { DmaOptions } from './dma-options.js';
import { closedError, rangeError, unsupportedError, VfioError } from './errors.js';
import { type Grant, type GrantOptions, makeGrant } from './grant.js';
import { awaitNative, callNative } from './internal/call.js';
import { inOrder } from './internal/closing.js';
import { DeviceRegions } from './internal/device-regions.js';
import { endsWithOwner } from './internal/ends-with-owner.js';
import { keepWhileHeard, stopWatching, watchForLeak } from './internal/leaks.js';
import { startOpening } from './internal/opening.js';
import { mustBeOurs, type Ours, ours } from './internal/ours.js';
import { readPowerState, writePowerState } from './internal/power-state.js';
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

/** The options of {@link Device.enableInterrupts}. */
export interface InterruptOptions {
  /** How many vectors to arm, from vector 0 on. At least 1; default 1. */
  count?: number | undefined;
}

/** The events of a {@link Device}. Listening for them does not keep the process alive. */
export interface DeviceEvents {
  /**
   * The kernel wants the device back, to unbind or unplug it (`VFIO_PCI_REQ_IRQ_INDEX`). Stop the device and
   * close it. If it is still open after the grace period ({@link OpenDeviceOptions.requestGrace}), the
   * library closes it. Without a listener for this event, the library closes it at once and emits a process
   * warning.
   */
  request: [];
  /** The device or its link reported an uncorrectable error (PCIe AER, `VFIO_PCI_ERR_IRQ_INDEX`). */
  fault: [];
  /**
   * A reset has ended. The device has forgotten its state, bus master is off, and no interrupt is armed.
   *
   * The event also follows a {@link Device.hotReset} of another device that affects this one, even if that
   * reset failed: the library had already stopped this device for it.
   */
  reset: [];
  /**
   * The device is gone: its config space read as all ones. The library checks this at every other event, in
   * {@link Device.reset}, and when a read of {@link Device.config} returns all ones. (The BARs of a device
   * that is gone also read as all ones, or throw `ERR_VFIO_BUS`.) From now on, every use throws
   * `ERR_VFIO_LOST`. Close the device.
   */
  lost: [];
  /** The device is closed. */
  close: [];
}

const flagReset = 1;
const hotResetHint =
  'device.hotReset() resets the whole slot or bus, with all devices that device.hotResetInfo() lists.';
const defaultGrace = 10_000;

/** @internal The operations of a device on the container that was made for it alone. */
export interface OwnContainer {
  /** From now on, the container opens and maps nothing. */
  refuse(): void;
  /** Does nothing if the container is closing already: it is then waiting for this device. */
  close(): Promise<void> | undefined;
}

/** @internal The DMA memory of a container, as one of its devices uses it. */
export interface DeviceMemory {
  /** Reads and checks the arguments of an allocation. */
  check(bytes: number, options?: DmaOptions): NativeDmaRequest;
  alloc(request: NativeDmaRequest): DmaBuffer;
  allocAsync(request: NativeDmaRequest): Promise<DmaBuffer>;
  /** Whether the buffer is open and belongs to the container. */
  owns(buffer: DmaBuffer): boolean;
}

/** @internal The parts of a device. */
export interface DeviceParts<Parent> {
  native: Native;
  device: NativeDevice;
  container: Parent;
  memory: DeviceMemory;
  /** The device's own container, if it was made for this device alone. The device closes it. */
  ownContainer: OwnContainer | undefined;
  requestGrace: number | undefined;
  addressBits: number;
  /** Called once the device is closed. */
  onClosed(device: Device<Parent>): void;
}

/**
 * The reference is weak because the addon holds these callbacks, and the callbacks must not keep a forgotten
 * device alive.
 */
let watch: (device: WeakRef<Device<unknown>>, native: NativeDevice) => void;

/**
 * An open device: one PCI function (`VFIO_GROUP_GET_DEVICE_FD`). Obtained from {@link openDevice},
 * {@link Container.openDevice} or {@link Group.openDevice}. Close it with {@link close} or `await using`.
 * Otherwise it is closed with its container or group.
 *
 * After open and after a reset, memory decode is on, bus master is off, and no interrupt is armed. During
 * {@link reset}, methods that reach the device throw `ERR_VFIO_BUSY`. If the device is gone, they throw
 * `ERR_VFIO_LOST`. After {@link close}, all methods throw `ERR_VFIO_CLOSED`. Methods that return a promise
 * reject with the same errors.
 *
 * `Parent` is always {@link Container}. It is a type parameter because container.ts makes devices, so this
 * file cannot import it.
 */
export class Device<Parent> extends EventEmitter<DeviceEvents> implements AsyncDisposable {
  static {
    watch = (device, native) => {
      native.onHotReset((over) => {
        const alive = device.deref();
        if (alive !== undefined) alive.#affected(over);
      });
      native.onChange((change) => {
        const alive = device.deref();
        if (alive !== undefined) alive.#changed(change);
        else if (change.requested) closeForgotten(native);
      });
    };
  }

  /** The full PCI address of the device, like `0000:01:00.0`. */
  readonly address: string;
  /** The facts about the device: IDs, class, regions, group. They stay readable after close. */
  readonly info: DeviceInfo;
  /**
   * How many address bits the device drives when it does DMA, from 17 to 64, as the program said when it
   * opened the device ({@link OpenDeviceOptions.addressBits}). Default 64.
   */
  readonly addressBits: number;
  /** The container that the device was opened in. It owns the DMA memory of the device. */
  readonly container: Parent;
  /** Config space, a {@link Region} of its own kind. The same object every time. */
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

  /** Whether {@link close} has been called, by your program or by the owner of the device. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Returns the region with this index (`VFIO_PCI_*_REGION_INDEX`): 0 to 5 are the BARs, 6 is the ROM, 7 is
   * config space, 8 is VGA. It is the same object every time. Throws a RangeError for a number that no region
   * of this device can have, `ERR_VFIO_UNSUPPORTED` if the device does not have this region, or if 4096
   * regions are in use in this process already.
   */
  region(index: number): Region {
    integer('the region', index, 0, this.#native.info.numRegions - 1);
    this.#mustBeOpen();
    return this.#regions.at(index);
  }

  /**
   * Returns BAR `index` (base address register), from 0 to 5. Throws a RangeError for another number, and
   * otherwise as {@link region} does.
   */
  bar(index: number): Region {
    integer('the BAR', index, 0, 5);
    return this.region(index);
  }

  /** The expansion ROM; undefined if the device has none. */
  get rom(): Region | undefined {
    const present = this.info.regions.some(({ index }) => index === romIndex);
    return present ? this.region(romIndex) : undefined;
  }

  /**
   * Returns what the device has of one type of interrupt: the number of vectors and what they can do
   * (`VFIO_DEVICE_GET_IRQ_INFO`). Throws a TypeError for an unknown type.
   */
  interruptInfo(type: InterruptType): InterruptInfo {
    const index = interruptIndex(checkType(type));
    this.#mustBeOpen();
    return interruptInfo(callNative(() => this.#native.irq(index), this.address));
  }

  /**
   * Whether the device may do DMA and raise MSI and MSI-X (bit 2 of the command register). It is off after
   * open and after every reset. Set it to true only when every DMA address that the device holds is valid.
   */
  get busMaster(): boolean {
    this.#mustBeOpen();
    return callNative(() => this.#native.busMaster(), this.address);
  }

  /** Turns bus master on or off. Turn it on only when every DMA address that the device holds is valid. */
  set busMaster(on: boolean) {
    boolean('busMaster', on);
    this.#mustBeOpen();
    callNative(() => this.#native.setBusMaster(on), this.address);
  }

  /**
   * The power state of the device (PMCSR of its power management capability). It is `D0` after open and after
   * {@link reset}; a device without that capability is always in `D0`.
   *
   * In `D3hot` config space still answers. Accesses to BARs throw `ERR_VFIO_BUS`, and the device can neither do
   * DMA nor interrupt. Stop the device before you put it there.
   */
  get powerState(): PowerState {
    this.#mustBeOpen();
    return readPowerState(this.config);
  }

  /**
   * Changes the power state. vfio-pci carries the change out, which can block for some milliseconds: a PCI
   * Express device takes up to 10 ms from `D3hot` to `D0`. Afterwards BARs answer again, and config space has
   * its values as before. The registers of the device keep theirs only if
   * {@link PowerManagementCapability.noSoftReset} is true; otherwise set the device up again.
   *
   * Throws `ERR_VFIO_UNSUPPORTED` if the device does not have this state
   * ({@link PowerManagementCapability.states}) or does not reach it, and a TypeError for an unknown state.
   */
  set powerState(state: PowerState) {
    this.#mustBeOpen();
    writePowerState(this.config, this.address, state);
  }

  /**
   * Allocates DMA memory in the device's container ({@link Container.allocDma}), at an IOVA that this device
   * reaches ({@link addressBits}). `bytes` must be a multiple of the IOMMU's page size. The container owns
   * the buffer: it stays open when the device is closed, unless the container is closed too. Throws as
   * {@link Container.allocDma} does.
   */
  allocDma(bytes: number, options?: DmaOptions): DmaBuffer {
    const { memory } = this.#parts;
    const request = memory.check(bytes, options);
    this.#mustBeOpen();
    return memory.alloc(request);
  }

  /**
   * Does the same as {@link allocDma} on another thread, as {@link Container.allocDmaAsync} does. It also
   * rejects with `ERR_VFIO_CLOSED` if the device is closed before the memory is mapped.
   */
  allocDmaAsync(bytes: number, options?: DmaOptions): Promise<DmaBuffer> {
    return endsWithOwner(() => {
      const { memory } = this.#parts;
      const request = memory.check(bytes, options);
      this.#mustBeOpen();
      const allocate = () => memory.allocAsync(request);
      return startOpening(allocate, { refusal: () => this.#closedError() }).result;
    });
  }

  /**
   * Arms interrupt vectors (`VFIO_DEVICE_SET_IRQS`). Only one set can be armed at a time. Close it, reset the
   * device or close the device to disarm it.
   *
   * Throws:
   *
   * - `ERR_VFIO_BUSY` if a set is armed already;
   * - `ERR_VFIO_UNSUPPORTED` if the device has no interrupts of this type;
   * - a RangeError `ERR_VFIO_RANGE` if the device has fewer than `count` vectors;
   * - `ERR_VFIO_BUS_MASTER` for MSI and MSI-X while bus master is off: they are DMA writes and would never
   *   arrive;
   * - `EBUSY` for INTx if the interrupt line cannot be shared, and `ENOSPC` or `EMFILE` if the host has no
   *   vectors left or the process no descriptors. The hint says what to do.
   */
  enableInterrupts(type: InterruptType, options: InterruptOptions = {}): InterruptSet {
    const count = checkCount(options);
    const { count: available } = this.interruptInfo(type);
    if (available === 0) throw this.#hasNone(type);
    if (count > available) {
      throw rangeError(
        `${this.address} has ${nameVectors(available, type)}, but count is ${count}`,
      );
    }
    this.#mustBeDisarmed();
    const arm = () => this.#native.enableInterrupts(interruptIndex(type), count);
    const armed = armInterrupts(arm, this.address, type);
    const onClose = () => {
      this.#interrupts = undefined;
    };
    const registers = { config: this.config, region: (at: number) => this.#regions.at(at) };
    const set = new InterruptSet(ours, armed, type, this.address, onClose, registers);
    this.#interrupts = set;
    return set;
  }

  /**
   * Grants parts of the device to another thread of this process. For example, a worker that drives one queue
   * gets the registers, the interrupt vector and the memory of that queue. Send the {@link Grant.token} to
   * the worker, which passes it to {@link adopt}.
   *
   * You can grant the same region or buffer to several threads, and use it here too. An interrupt vector has
   * one consumer. While it is granted, listening to it in this thread throws `ERR_VFIO_BUSY`.
   *
   * Throws `ERR_VFIO_BUSY` if a vector is granted already or has a listener in this thread, `ERR_VFIO_CLOSED`
   * if one of the parts is closed, and a TypeError if it belongs to another device or container.
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
   * Resets the device (`VFIO_DEVICE_RESET`). This closes its interrupt set first, which ends the grants of
   * its vectors. Regions and DMA buffers stay valid, and so do grants without vectors. During the reset,
   * register accesses throw `ERR_VFIO_BUSY`. Afterwards the device emits `reset`.
   *
   * Rejects:
   *
   * - with `ERR_VFIO_UNSUPPORTED` if the kernel cannot reset this device alone
   *   ({@link DeviceInfo.resettable}): see {@link hotReset};
   * - with `ERR_VFIO_BUSY` while another reset is in progress;
   * - with `ERR_VFIO_CLOSED` if the device is closed before the reset ends;
   * - with `ERR_VFIO_LOST` if the device is gone;
   * - with the errno of the ioctl: `EAGAIN` if the kernel cannot reset it now, `ENOTTY` if the device did not
   *   come back.
   */
  reset(): Promise<void> {
    return endsWithOwner(() => {
      this.#mustBeOpen();
      if (!this.info.resettable) {
        throw unsupportedError(
          `The kernel cannot reset ${this.address} alone`,
          this.address,
          hotResetHint,
        );
      }
      this.#endInterrupts();
      return awaitNative(() => this.#untilReset(() => this.#native.reset()), this.address);
    });
  }

  /**
   * Returns every device that {@link hotReset} would reset, including this one
   * (`VFIO_DEVICE_GET_PCI_HOT_RESET_INFO`). The list is empty if the kernel can reset neither the slot nor
   * the bus of the device, for example on a root bus. Throws `EPERM` if a device on the same bus is in no
   * IOMMU group.
   */
  hotResetInfo(): readonly AffectedDevice[] {
    this.#mustBeOpen();
    const affected = callNative(() => this.#native.hotResetInfo(), this.address);
    return Object.freeze(affected.map((device) => Object.freeze(device)));
  }

  /**
   * Resets the slot or bus of the device (`VFIO_DEVICE_PCI_HOT_RESET`). Use it for a device that
   * {@link reset} cannot reset, or that does not react to it. It affects all devices that
   * {@link hotResetInfo} lists. Each of them must be bound to vfio-pci, and this process must hold its group:
   * through an open device, or with {@link Container.openGroup}.
   *
   * For this device it works like {@link reset}. Every other affected device that this process has open, in
   * any thread, also throws `ERR_VFIO_BUSY` during the reset. When the event loop of its thread handles the
   * message, its interrupt set closes. After the reset it emits `reset`.
   *
   * Rejects, before anything is reset:
   *
   * - with `ERR_VFIO_UNSUPPORTED` if the kernel can reset neither slot nor bus, or this process does not hold
   *   the group of an affected device. The hint says which;
   * - with `ERR_VFIO_NOT_BOUND` if an affected device is bound to another driver. The hint says which;
   * - with `ERR_VFIO_BUSY` if an affected device is being opened, reset or closed;
   * - with `ERR_VFIO_LOST` if an affected device is gone;
   * - with `EPERM`, `EBUSY` or `EAGAIN` if the kernel refuses: this process must not reset one of the groups,
   *   or the kernel or another process is working on one of the devices.
   *
   * Also rejects with `ENOTTY` if the kernel tried and the slot or bus did not come back. Do not rely on the
   * state of the devices then.
   */
  hotReset(): Promise<void> {
    return endsWithOwner(() => {
      this.#mustBeOpen();
      const affected = this.hotResetInfo();
      const reset = () =>
        this.#untilReset(() => {
          const began = this.#native.hotReset();
          // Only now, because the call above may have been refused.
          this.#endInterrupts();
          return began;
        });
      return awaitHotReset(reset, this.address, affected);
    });
  }

  /**
   * Closes the device and its interrupt set. Every use throws `ERR_VFIO_CLOSED` from this call on, and
   * `close` is emitted at the end. The promise resolves when the kernel has the device back. If
   * {@link openDevice} made a container for this device alone, that container is closed too. Closing it again
   * returns the same promise.
   */
  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#closed = true;
      this.#parts.ownContainer?.refuse();
      this.#regions.direct.mute();
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

  /**
   * If another reset is in progress, `begin` is refused at once, and that other reset lets doorbells write
   * again when it ends.
   */
  async #untilReset(begin: () => Promise<void>): Promise<void> {
    const reset = begin();
    this.#regions.direct.mute();
    try {
      await reset;
    } finally {
      this.#takeWrites();
    }
    this.#mustBeOpen();
    callUser(() => this.emit('reset'));
  }

  /** A hot reset of another device affects this one: it begins, or it is over. */
  #affected(over: boolean): void {
    if (this.#closed) return;
    if (over) {
      this.#takeWrites();
      callUser(() => this.emit('reset'));
    } else {
      this.#regions.direct.mute();
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
    if (!this.#closed && !this.#lost) this.#regions.direct.unmute();
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
    const message = `${this.address} has an armed InterruptSet already, with ${nameVectors(count, type)}`;
    const fields = {
      address: this.address,
      hint: 'Close that InterruptSet before you arm another.',
    };
    throw new VfioError('ERR_VFIO_BUSY', message, fields);
  }

  #hasNone(type: InterruptType): VfioError {
    const others = interruptTypes
      .map((other) => ({ other, count: this.interruptInfo(other).count }))
      .filter(({ count }) => count > 0)
      .map(({ other, count }) => `${other} (${count} ${count === 1 ? 'vector' : 'vectors'})`);
    const has = others.length === 0 ? 'none of any type' : others.join(', ');
    return unsupportedError(
      `${this.address} has no ${type} interrupts: it has ${has}`,
      this.address,
    );
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
    this.#regions.direct.mute();
    callUser(() => this.emit('lost'));
  }

  #giveBack(): void {
    this.#requested = true;
    const closeUnasked = () => closeInBackground(this.address, () => this.close());
    if (this.listenerCount('request') === 0) {
      warnOfRequest(this.address, "To stop the device first, listen to its 'request' event.");
      closeUnasked();
      return;
    }
    this.#grace = setTimeout(closeUnasked, this.#parts.requestGrace ?? defaultGrace).unref();
    callUser(() => this.emit('request'));
  }
}

/** The program can no longer reach the Device or a part of it, so the kernel would wait forever. */
function closeForgotten(native: NativeDevice): void {
  warnOfRequest(native.address, 'The device was garbage collected without close().');
  closeInBackground(native.address, () => native.close());
}

function warnOfRequest(address: string, detail: string): void {
  const warning = { type: 'VfioWarning', code: 'VFIO_REQUEST', detail };
  process.emitWarning(`The kernel wants ${address} back, so the library closes it`, warning);
}

function closeInBackground(address: string, close: () => Promise<void>): void {
  close().catch((failure: unknown) => warn(`Closing ${address} failed`, failure));
}

function checkType(type: InterruptType): InterruptType {
  return oneOf('the type', type, interruptTypes);
}

function nameVectors(count: number, type: InterruptType): string {
  return `${count} ${type} ${count === 1 ? 'vector' : 'vectors'}`;
}

function checkCount(given: InterruptOptions): number {
  const { count = 1 } = options('enableInterrupts', given, ['count']);
  return integer('count', count, 1, Number.MAX_SAFE_INTEGER);
}
