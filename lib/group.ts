// SPDX-License-Identifier: MIT
// Group: an IOMMU group that is held open, and the devices that were opened through it.
import type { Device } from './device.js';
import { closedError, rangeError } from './errors.js';
import { awaitNative, callNative } from './internal/call.js';
import { Children } from './internal/children.js';
import { inOrder } from './internal/closing.js';
import { endsWithOwner } from './internal/ends-with-owner.js';
import { stopWatching, watchForLeak } from './internal/leaks.js';
import { mustBeOurs, type Ours } from './internal/ours.js';
import type { NativeContainer } from './native.js';
import { checkOpenOptions, type OpenDeviceOptions } from './open-options.js';
import { blockersOf, type PciDevice, parseAddress, readGroup } from './pci.js';

/** @internal The parts of a group. */
export interface GroupParts<Parent> {
  id: number;
  container: Parent;
  native: NativeContainer;
  /** Opens a device in the container. Calls `onClosed` once the device is closed. */
  openDevice: (
    address: string,
    checked: OpenDeviceOptions,
    onClosed: (device: Device<Parent>) => void,
  ) => Promise<Device<Parent>>;
  /** Called once the group is closed. */
  onClosed(group: Group<Parent>): void;
}

/**
 * A VFIO group (`/dev/vfio/N`): the smallest set of devices that the IOMMU can isolate. Obtained from
 * {@link Container.openGroup}. Close it with {@link close} or `await using`. Otherwise it is closed with its
 * container.
 *
 * Devices can be opened without a Group. It shows which devices share a group, and it holds the group while
 * its devices come and go.
 *
 * `Parent` is always {@link Container}. It is a type parameter because container.ts makes groups, so this
 * file cannot import it.
 */
export class Group<Parent> implements AsyncDisposable {
  /** The number of the group, as in `/sys/kernel/iommu_groups` and `/dev/vfio/N`. */
  readonly id: number;
  /** The container that holds the group. */
  readonly container: Parent;
  readonly #parts: GroupParts<Parent>;
  readonly #devices: Children<Device<Parent>>;
  #closed = false;
  #closing: Promise<void> | undefined;

  /** @internal Use {@link Container.openGroup}. */
  constructor(key: Ours, parts: GroupParts<Parent>) {
    mustBeOurs(key);
    this.id = parts.id;
    this.container = parts.container;
    this.#parts = parts;
    this.#devices = new Children(`Group ${parts.id}`);
    watchForLeak(this, `Group ${parts.id}`);
  }

  /** Whether {@link close} has been called, by your program or by the container. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * The devices of the group with their current drivers. Each read looks them up in sysfs. Throws the errno
   * of a file that cannot be read (`EMFILE` …). {@link viable} and {@link blockers} do the same.
   */
  get members(): readonly PciDevice[] {
    return readGroup(this.id) ?? [];
  }

  /**
   * Whether the kernel would hand over the group: none of its devices is bound to a kernel driver that does
   * DMA (`VFIO_GROUP_FLAGS_VIABLE`). Computed from {@link blockers}.
   */
  get viable(): boolean {
    return this.blockers.length === 0;
  }

  /**
   * The members that keep the group from being viable, because a kernel driver is bound to them. Members that
   * are bound to a VFIO driver, to pcieport (bridges) or to pci-stub do not count.
   */
  get blockers(): readonly PciDevice[] {
    return blockersOf(this.members);
  }

  /**
   * Opens a device of this group. The group owns the device. `address` is like `0000:01:00.0` or `01:00.0`.
   * Rejects as {@link Container.openDevice} does, and with a RangeError `ERR_VFIO_ADDRESS` if the device is
   * not in this group.
   */
  openDevice(address: string, options: OpenDeviceOptions = {}): Promise<Device<Parent>> {
    return endsWithOwner(() => {
      const full = parseAddress(address);
      const checked = checkOpenOptions('openDevice', options);
      if (this.#closed) throw closedError(`Group ${this.id}`);
      this.#mustContain(full);
      const onClosed = (device: Device<Parent>) => this.#devices.delete(device);
      const open = () => this.#parts.openDevice(full, checked, onClosed);
      return this.#devices.open(open, checked.signal);
    });
  }

  /**
   * Closes the devices that were opened through this group, then the group itself. Closing it again returns
   * the same promise.
   */
  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#closed = true;
      this.#closing = this.#close();
    }
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #close(): Promise<void> {
    stopWatching(this);
    return inOrder(
      () => this.#devices.close(),
      () => awaitNative(() => this.#parts.native.releaseGroup(this.id)),
      () => this.#parts.onClosed(this),
    );
  }

  #mustContain(address: string): void {
    if (callNative(() => this.#parts.native.groupOf(address)) === this.id) return;
    const members = this.members.map((member) => member.address).join(', ');
    throw rangeError(
      `${address} is not in IOMMU group ${this.id}, which contains ${members}`,
      'ERR_VFIO_ADDRESS',
    );
  }
}
