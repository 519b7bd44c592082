// SPDX-License-Identifier: MIT
// An I/O address space and everything that was opened in it.
import { type DeviceMemory, Device as DeviceOf, type OwnContainer } from './device.js';
import { mapMemory, mapMemoryAsync } from './diagnose/memory.js';
import { awaitOpen } from './diagnose/open.js';
import { DmaBuffer } from './dma.js';
import { checkDma, type DmaOptions } from './dma-options.js';
import { closedError } from './errors.js';
import { Group as GroupOf, type GroupParts } from './group.js';
import { awaitNative, callNative } from './internal/call.js';
import { Children } from './internal/children.js';
import { inOrder } from './internal/closing.js';
import { stopWatching, watchForLeak } from './internal/leaks.js';
import { loadNative } from './internal/load-native.js';
import { mustBeOurs, type Ours, ours } from './internal/ours.js';
import { integer } from './internal/validate.js';
import type {
  Native,
  NativeContainer,
  NativeDevice,
  NativeDmaBuffer,
  NativeDmaRequest,
} from './native.js';
import {
  checkDescriptor,
  checkOpenOptions,
  type DescriptorOptions,
  maxInt,
  type OpenDeviceOptions,
} from './open-options.js';
import { parseAddress } from './pci.js';

/** A device in a {@link Container}. */
export type Device = DeviceOf<Container>;
/** An IOMMU group in a {@link Container}. */
export type Group = GroupOf<Container>;

/** A range of IOVAs, both ends included. */
export interface IovaRange {
  readonly first: bigint;
  readonly last: bigint;
}

/** What the kernel says about an address space (`VFIO_IOMMU_GET_INFO`). */
export interface ContainerInfo {
  /** Whether a device is attached. Before, there are no ranges and no page sizes. */
  readonly attached: boolean;
  /** The IOVAs that can be mapped, ascending. They can change with each device attached. */
  readonly iovaRanges: readonly IovaRange[];
  /** The sizes of page the IOMMU maps, in bytes, ascending. */
  readonly pageSizes: readonly number[];
  /**
   * How many more mappings there can be, where the kernel says (`VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL`).
   */
  readonly mappingsAvailable: number | undefined;
}

/** What a device keeps of how it was opened. */
export interface Opened {
  requestGrace: number | undefined;
  addressBits: number;
}

/** Gives a container that was opened for one device that device, which owns it. */
export let adoptOwner: (
  container: Container,
  device: NativeDevice,
  opened: Opened,
) => Promise<Device>;

/**
 * A container: an I/O address space, the set of IOVA → memory mappings its devices see
 * (`/dev/vfio/vfio`). It owns what was opened in it: closing it closes devices, newest first, then
 * buffers, then groups.
 */
export class Container implements AsyncDisposable {
  static {
    adoptOwner = (container, device, opened) =>
      container.#devices.open(() => container.#adopt(device, opened, true));
  }

  readonly #addon: Native;
  readonly #native: NativeContainer;
  readonly #devices = new Children<Device>('Container');
  readonly #groups = new Children<Group>('Container');
  readonly #buffers = new Children<DmaBuffer>('Container');
  #closed = false;
  #closing: Promise<void> | undefined;

  /**
   * Opens an empty container, or takes one: `descriptor` is of `/dev/vfio/vfio`, as it was opened. Rejects with
   * `ERR_VFIO_PLATFORM` where there is no VFIO, `ERR_VFIO_DUPLICATE` where the process uses another copy of this
   * package, `EBADF` when nothing is open under that number, `ENOTTY` or `EINVAL` when it is something else.
   */
  static async open(options: DescriptorOptions = {}): Promise<Container> {
    return openContainer(checkDescriptor('Container.open', options));
  }

  /** @internal Use {@link Container.open}. */
  constructor(key: Ours, addon: Native, native: NativeContainer) {
    mustBeOurs(key);
    this.#addon = addon;
    this.#native = native;
  }

  /** What is behind it: `type1`. */
  get backend(): string {
    return this.#native.backend;
  }

  /** What the kernel says about it now. */
  get info(): ContainerInfo {
    this.#mustBeOpen();
    const { attached, ranges, pageSizes, mappingsAvailable } = callNative(() =>
      this.#native.limits(),
    );
    return {
      attached,
      iovaRanges: ranges.map(([first, last]) => ({ first, last })),
      pageSizes: bitsOf(pageSizes),
      mappingsAvailable,
    };
  }

  /** Its open devices, the oldest first. */
  get devices(): readonly Device[] {
    return this.#devices.list().filter((device) => !device.closed);
  }

  /** Its open groups, the oldest first. */
  get groups(): readonly Group[] {
    return this.#groups.list().filter((group) => !group.closed);
  }

  /** Whether {@link close} was called, or the device closed whose own container it is ({@link openDevice}). */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Opens a device in this container, with its group. `address` is `0000:01:00.0` or `01:00.0`.
   * Rejects with `ERR_VFIO_ADDRESS`, `ENODEV`, `ERR_VFIO_NOT_BOUND`, `ERR_VFIO_NO_IOMMU`,
   * `ERR_VFIO_NOT_VIABLE`, or the errno of the step that failed (`EACCES`, `EBUSY` …), with a hint;
   * with `ERR_VFIO_LOST` when the device does not answer, for which the kernel waits a minute or two.
   *
   * It waits on another thread, as {@link Device.close} does. But while the group joins the container, or leaves it,
   * which takes as long as the kernel takes to map, or unmap, all of its buffers, the event loop waits too if it asks
   * for {@link info}, {@link allocDma}, the close of a buffer or {@link Device.hotReset}.
   */
  async openDevice(address: string, options: OpenDeviceOptions = {}): Promise<Device> {
    return this.#open(parseAddress(address), checkOpenOptions('openDevice', options));
  }

  /**
   * Opens an IOMMU group and holds it until it is closed; devices of it then open without its node. Rejects with
   * `ENOENT`, `ERR_VFIO_NOT_BOUND`, `ERR_VFIO_NOT_VIABLE`, `ERR_VFIO_BUSY`, or the errno of the step that
   * failed, with a hint.
   *
   * With a `descriptor`, of `/dev/vfio/N` and in no container, nothing is opened. Rejects with `EBADF`, `ENOTTY` or
   * `EINVAL` when it is no group, with a RangeError `ERR_VFIO_RANGE` when it is another, with `ERR_VFIO_BUSY` when it
   * is in a container already.
   */
  async openGroup(id: number, options: DescriptorOptions = {}): Promise<Group> {
    integer('the group', id, 0, maxInt);
    const descriptor = checkDescriptor('openGroup', options);
    this.#mustBeOpen();
    return this.#groups.open(() => this.#holdGroup(id, descriptor));
  }

  /**
   * Allocates memory, zeroed, and maps it for the container's devices (`VFIO_IOMMU_MAP_DMA`).
   * `bytes` is a multiple of the smallest page size in {@link info}. IOVAs below 4 GiB are used first, and never
   * one that the devices do not reach ({@link DmaOptions.addressBits}).
   *
   * Throws `ERR_VFIO_NO_DEVICE` before the first device is open; a RangeError `ERR_VFIO_ALIGN`; a RangeError
   * `ERR_VFIO_RANGE` when no IOVA is left, and for an `iova` that is mapped already, outside the ranges or out of
   * reach; `ENOMEM` with the limit on locked memory in its hint; `ENOSPC` when there are too many mappings.
   *
   * The kernel pins the memory page by page meanwhile: for more than some 64 MiB, use
   * {@link allocDmaAsync}.
   */
  allocDma(bytes: number, options: DmaOptions = {}): DmaBuffer {
    return this.#alloc(checkDma(bytes, options, undefined));
  }

  /**
   * Does what {@link allocDma} does on another thread, so that the event loop goes on while the
   * kernel pins the memory, and rejects with what it throws. Until it settles, {@link info} and
   * other buffers of this container that are allocated or closed wait for it. Closing the container
   * meanwhile rejects it with `ERR_VFIO_CLOSED`.
   */
  async allocDmaAsync(bytes: number, options: DmaOptions = {}): Promise<DmaBuffer> {
    return this.#allocAsync(checkDma(bytes, options, undefined));
  }

  /**
   * Closes its devices, the newest first, then its buffers, its groups and itself. Nothing works
   * from this call on; the promise resolves when the kernel has let go. Closing twice gives the
   * same promise.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** `onClosed` is called once the device is closed: no listener, which would keep it in use. */
  async #open(
    address: string,
    { signal, requestGrace, addressBits = 64, vfToken }: OpenDeviceOptions,
    onClosed?: (device: Device) => void,
  ): Promise<Device> {
    this.#mustBeOpen();
    const request = { address, addressBits, vfToken };
    const open = () => awaitOpen(() => this.#native.openDevice(request), request);
    const opened = { requestGrace, addressBits };
    const adopt = async () => this.#adopt(await open(), opened, false, onClosed);
    return this.#devices.open(adopt, signal);
  }

  async #holdGroup(id: number, descriptor: number | undefined): Promise<Group> {
    const native = this.#native;
    await awaitOpen(() => native.holdGroup(id, descriptor), { group: id });
    const openDevice: GroupParts<Container>['openDevice'] = (address, asked, closed) =>
      this.#open(address, asked, closed);
    const onClosed = (group: Group) => this.#groups.delete(group);
    return new GroupOf<Container>(ours, { id, container: this, native, openDevice, onClosed });
  }

  #alloc(request: NativeDmaRequest): DmaBuffer {
    this.#mustBeOpen();
    const buffer = this.#own(mapMemory(() => this.#native.allocDma(...request), request[0]));
    this.#buffers.add(buffer);
    return buffer;
  }

  async #allocAsync(request: NativeDmaRequest): Promise<DmaBuffer> {
    this.#mustBeOpen();
    const map = () => this.#native.allocDmaAsync(...request);
    return this.#buffers.open(async () => this.#own(await mapMemoryAsync(map, request[0])));
  }

  async #adopt(
    device: NativeDevice,
    opened: Opened,
    ownsContainer: boolean,
    alsoOnClosed?: (device: Device) => void,
  ): Promise<Device> {
    try {
      const onClosed = (closed: Device) => {
        this.#devices.delete(closed);
        alsoOnClosed?.(closed);
      };
      const native = this.#addon;
      const memory = this.#memoryFor(opened.addressBits);
      const ownContainer = ownsContainer ? this.#asOwn() : undefined;
      return new DeviceOf<Container>(ours, {
        ...opened,
        native,
        device,
        container: this,
        memory,
        ownContainer,
        onClosed,
      });
    } catch (failure) {
      await device.close();
      throw failure;
    }
  }

  /** What a device of so many address bits may do with the memory of its container. */
  #memoryFor(addressBits: number): DeviceMemory {
    return {
      check: (bytes, options = {}) => checkDma(bytes, options, addressBits),
      alloc: (request) => this.#alloc(request),
      allocAsync: (request) => this.#allocAsync(request),
      owns: (buffer) => this.#buffers.has(buffer),
    };
  }

  /** What the device may do whose own container this is. */
  #asOwn(): OwnContainer {
    return {
      refuse: () => this.#refuse(),
      close: () => (this.#closing === undefined ? this.close() : undefined),
    };
  }

  #refuse(): void {
    this.#closed = true;
    for (const children of [this.#devices, this.#buffers, this.#groups]) children.refuse();
  }

  #close(): Promise<void> {
    stopWatching(this);
    this.#refuse();
    return inOrder(
      () => this.#devices.close(),
      () => this.#buffers.close(),
      () => this.#groups.close(),
      () => awaitNative(() => this.#native.close()),
    );
  }

  #mustBeOpen(): void {
    if (this.#closed) throw closedError('Container');
  }

  #own(native: NativeDmaBuffer): DmaBuffer {
    return new DmaBuffer(ours, native, (closed) => this.#buffers.delete(closed));
  }
}

async function openContainer(descriptor: number | undefined): Promise<Container> {
  const addon = loadNative();
  const native = await awaitOpen(() => addon.openContainer(descriptor), {});
  const container = new Container(ours, addon, native);
  watchForLeak(container, 'Container');
  return container;
}

/** The powers of two in a mask, ascending. */
function bitsOf(mask: bigint): number[] {
  const bits = Array.from({ length: 64 }, (_, bit) => bit);
  return bits.filter((bit) => ((mask >> BigInt(bit)) & 1n) === 1n).map((bit) => 2 ** bit);
}
