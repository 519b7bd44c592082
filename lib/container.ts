// SPDX-License-Identifier: MIT
// A container: an I/O address space, with the devices, groups and buffers that were opened in it.
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
import { publishMapping } from './internal/dma-channel.js';
import { endsWithOwner } from './internal/ends-with-owner.js';
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

/** A device, opened in a {@link Container}. */
export type Device = DeviceOf<Container>;
/** An IOMMU group, held in a {@link Container}. */
export type Group = GroupOf<Container>;

/** A range of IOVAs (the addresses that devices use for memory). Both ends are included. */
export interface IovaRange {
  /** The first IOVA of the range. */
  readonly first: bigint;
  /** The last IOVA of the range, included. */
  readonly last: bigint;
}

/** The limits of an address space, as the kernel reports them (`VFIO_IOMMU_GET_INFO`). */
export interface ContainerInfo {
  /** Whether a device is attached. Before the first one there are no ranges and no page sizes. */
  readonly attached: boolean;
  /**
   * The ranges of IOVAs that can be mapped, in ascending order (`VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE`). Each
   * device that is attached can change them.
   */
  readonly iovaRanges: readonly IovaRange[];
  /** The page sizes that the IOMMU maps, in bytes, in ascending order. */
  readonly pageSizes: readonly number[];
  /**
   * How many more mappings the kernel allows (`VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL`); undefined if the kernel
   * does not say.
   */
  readonly mappingsAvailable: number | undefined;
}

/** The options with which a device was opened, as far as the device keeps them. */
export interface Opened {
  requestGrace: number | undefined;
  addressBits: number;
}

/** Makes the Device in a container that was opened for this device alone. The device owns the container. */
export let adoptOwner: (
  container: Container,
  device: NativeDevice,
  opened: Opened,
) => Promise<Device>;

/**
 * A container (`/dev/vfio/vfio`): an I/O address space. That is the set of IOVA → memory mappings that its
 * devices see.
 *
 * A container owns everything that was opened in it. Closing it closes its devices, newest first, then its
 * buffers, then its groups.
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
   * Opens an empty container. With a `descriptor`, it takes a container that was opened elsewhere: the number
   * of a file descriptor of this process on `/dev/vfio/vfio`, in the state in which `open` returned it.
   *
   * Rejects:
   *
   * - with `ERR_VFIO_PLATFORM` if the system has no VFIO, or the native code does not load;
   * - with `ERR_VFIO_DUPLICATE` if the process already uses another copy of this package;
   * - with `EBADF` if the descriptor is not open, and with `ENOTTY` or `EINVAL` if it is not a container;
   * - with the errno of a failed `open` (`EACCES`, `ENOENT` …), with a hint.
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

  /** The back end of the container: `type1`, the kernel's IOMMU interface for containers. */
  get backend(): string {
    return this.#native.backend;
  }

  /** The limits of this address space now. Each read asks the kernel. Throws `ERR_VFIO_CLOSED`. */
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

  /** Its open devices, the oldest first. The list is a snapshot. */
  get devices(): readonly Device[] {
    return this.#devices.list().filter((device) => !device.closed);
  }

  /** Its open groups, the oldest first. The list is a snapshot. */
  get groups(): readonly Group[] {
    return this.#groups.list().filter((group) => !group.closed);
  }

  /**
   * Whether {@link close} has been called. If {@link openDevice} made the container for one device alone,
   * closing that device closes the container too.
   */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Opens a device in this container, with its IOMMU group. `address` is like `0000:01:00.0` or `01:00.0`.
   * The device must be bound to vfio-pci: see {@link bindDevice}. The container owns the device.
   *
   * Rejects, with a hint that says what to do:
   *
   * - with a TypeError `ERR_VFIO_ADDRESS` if `address` is not a PCI address;
   * - with `ENODEV` if there is no such device;
   * - with `ERR_VFIO_NOT_BOUND` if the device is not bound to a VFIO driver;
   * - with `ERR_VFIO_NO_IOMMU` if no IOMMU isolates it;
   * - with `ERR_VFIO_NOT_VIABLE` if another device of its group is bound to a kernel driver;
   * - with `ERR_VFIO_BUSY` if this process has the device open, or its group in another container;
   * - with `ERR_VFIO_LOST` if the device does not answer. The kernel waits a minute or two before it says so;
   * - with a RangeError `ERR_VFIO_RANGE` if a buffer of the container is mapped at an IOVA that this device does
   *   not have;
   * - with `ERR_VFIO_CLOSED` if the container is closed;
   * - otherwise with the errno of the step that failed (`EACCES`, `EBUSY` …).
   *
   * The open runs on another thread. The event loop can still wait in one case: the kernel maps all buffers
   * of the container when a group joins, and unmaps them when it leaves. Until it finishes, {@link info},
   * {@link allocDma}, closing a buffer and {@link Device.hotReset} block the thread that calls them.
   */
  openDevice(address: string, options: OpenDeviceOptions = {}): Promise<Device> {
    return endsWithOwner(() =>
      this.#open(parseAddress(address), checkOpenOptions('openDevice', options)),
    );
  }

  /**
   * Opens an IOMMU group (`/dev/vfio/N`) and holds it until you close it. While it is held, its devices open
   * without opening the node again. `id` is the number of the group, an integer from 0 to 2^31 - 1.
   *
   * With a `descriptor`, the library opens nothing. It takes a file descriptor of this process on
   * `/dev/vfio/N`, of a group that is in no container yet.
   *
   * Rejects, with a hint that says what to do:
   *
   * - with `ENOENT` if there is no such group;
   * - with `ERR_VFIO_NOT_BOUND` if none of its devices is bound to vfio-pci;
   * - with `ERR_VFIO_NOT_VIABLE` if one of its devices is bound to a kernel driver;
   * - with `ERR_VFIO_BUSY` if this process holds the group already, or the group is in another container;
   * - for a descriptor: with `EBADF` if it is not open, with `ENOTTY` or `EINVAL` if it is not a group, with
   *   a RangeError `ERR_VFIO_RANGE` if it is another group, and with `ERR_VFIO_BUSY` if the group is in a
   *   container already;
   * - with `ERR_VFIO_CLOSED` if the container is closed;
   * - otherwise with the errno of the step that failed.
   */
  openGroup(id: number, options: DescriptorOptions = {}): Promise<Group> {
    return endsWithOwner(() => {
      integer('the group', id, 0, maxInt);
      const descriptor = checkDescriptor('openGroup', options);
      this.#mustBeOpen();
      return this.#groups.open(() => this.#holdGroup(id, descriptor));
    });
  }

  /**
   * Allocates `bytes` of zeroed memory and maps it for the devices of the container (`VFIO_IOMMU_MAP_DMA`).
   * `bytes` must be a multiple of the smallest page size in {@link info}. The container owns the buffer.
   *
   * The library chooses IOVAs below 4 GiB first. It never chooses one that the devices cannot reach
   * ({@link DmaOptions.addressBits}).
   *
   * Throws:
   *
   * - `ERR_VFIO_NO_DEVICE` if no device has been opened in the container yet;
   * - a RangeError `ERR_VFIO_ALIGN` if `bytes` or `iova` is not a multiple of the page size;
   * - a RangeError `ERR_VFIO_RANGE` if no IOVA is left, or the `iova` that you asked for is mapped already,
   *   lies outside the ranges or is out of reach;
   * - `ENOMEM` if the limit on locked memory is too low (the hint gives the numbers) or memory is short;
   * - `ENOSPC` if there are too many mappings;
   * - `ERR_VFIO_CLOSED` if the container is closed.
   *
   * The kernel pins the memory page by page, and this thread waits until it is done. For more than about 64
   * MiB, use {@link allocDmaAsync}.
   */
  allocDma(bytes: number, options: DmaOptions = {}): DmaBuffer {
    return this.#alloc(checkDma(bytes, options, undefined));
  }

  /**
   * Does the same as {@link allocDma} on another thread: the event loop keeps running while the kernel pins
   * the memory. Rejects with the errors that allocDma throws, and with `ERR_VFIO_CLOSED` if the container is
   * closed before the memory is mapped.
   *
   * Until the promise settles, {@link info} and all calls that allocate or close other buffers of this
   * container wait for it.
   */
  allocDmaAsync(bytes: number, options: DmaOptions = {}): Promise<DmaBuffer> {
    return endsWithOwner(() => this.#allocAsync(checkDma(bytes, options, undefined)));
  }

  /**
   * Closes its devices, the newest first, then its buffers, its groups and the container itself. Everything
   * in it stops working with this call. The promise resolves when the kernel has released all of it. Closing
   * it again returns the same promise.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * `onClosed` is called once the device is closed. It is a callback because a `close` listener would keep
   * the device in use.
   */
  #open(
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
    const buffer = this.#own(
      mapMemory(() => this.#native.allocDma(...request), request[0]),
      request,
    );
    this.#buffers.add(buffer);
    return buffer;
  }

  #allocAsync(request: NativeDmaRequest): Promise<DmaBuffer> {
    this.#mustBeOpen();
    const map = () => this.#native.allocDmaAsync(...request);
    return this.#buffers.open(async () =>
      this.#own(await mapMemoryAsync(map, request[0]), request),
    );
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

  /** The operations on the container's memory for a device that drives this many address bits. */
  #memoryFor(addressBits: number): DeviceMemory {
    return {
      check: (bytes, options = {}) => checkDma(bytes, options, addressBits),
      alloc: (request) => this.#alloc(request),
      allocAsync: (request) => this.#allocAsync(request),
      owns: (buffer) => this.#buffers.has(buffer),
    };
  }

  /** The operations on this container for the device that it was made for. */
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

  #own(native: NativeDmaBuffer, request: NativeDmaRequest): DmaBuffer {
    publishMapping(native, request);
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

/** The powers of two in a mask, in ascending order. */
function bitsOf(mask: bigint): number[] {
  const bits = Array.from({ length: 64 }, (_, bit) => bit);
  return bits.filter((bit) => ((mask >> BigInt(bit)) & 1n) === 1n).map((bit) => 2 ** bit);
}
