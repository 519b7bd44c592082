// SPDX-License-Identifier: MIT
// An IOMMU group.
import type { Device } from './device.js';
import { closedError, rangeError } from './errors.js';
import { awaitNative, callNative } from './internal/call.js';
import { Children } from './internal/children.js';
import { inOrder } from './internal/closing.js';
import { stopWatching, watchForLeak } from './internal/leaks.js';
import { mustBeOurs, type Ours } from './internal/ours.js';
import type { NativeContainer } from './native.js';
import { checkOpenOptions, type OpenDeviceOptions } from './open-options.js';
import { blockersOf, type PciDevice, parseAddress, readGroup } from './pci.js';

/** @internal What a group is made of. */
export interface GroupParts<Parent> {
  id: number;
  container: Parent;
  native: NativeContainer;
  /** Opens a device in the container; calls back once that is closed. */
  openDevice: (
    address: string,
    checked: OpenDeviceOptions,
    onClosed: (device: Device<Parent>) => void,
  ) => Promise<Device<Parent>>;
  /** Called once it is closed. */
  onClosed(group: Group<Parent>): void;
}

/**
 * A VFIO group: the smallest set of devices the IOMMU can isolate (`/dev/vfio/N`). Obtained from
 * {@link Container.openGroup}; closed with its container, or before. Devices can be opened without
 * it; it is there to see who shares a group, and to hold one while its devices come and go.
 *
 * `Parent` is always {@link Container}. It is a parameter because container.ts makes groups, so that this file cannot
 * import that one.
 */
export class Group<Parent> implements AsyncDisposable {
  /** The number of the group, as in `/sys/kernel/iommu_groups`. */
  readonly id: number;
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

  /** Whether {@link close} was called, by whomever. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * The devices of the group and their drivers, from sysfs, as they are now. Throws the errno of a file that could
   * not be read (`EMFILE` …), as do {@link viable} and {@link blockers}.
   */
  get members(): readonly PciDevice[] {
    return readGroup(this.id) ?? [];
  }

  /** Whether the group can be handed over: nothing blocks it (`VFIO_GROUP_FLAGS_VIABLE`). */
  get viable(): boolean {
    return this.blockers.length === 0;
  }

  /** The members that are bound to a kernel driver; bridges under pcieport do not block. */
  get blockers(): readonly PciDevice[] {
    return blockersOf(this.members);
  }

  /**
   * Opens a device of this group; the group owns it. Rejects as {@link Container.openDevice} does,
   * and with a RangeError `ERR_VFIO_ADDRESS` when the device is not in this group.
   */
  async openDevice(address: string, options: OpenDeviceOptions = {}): Promise<Device<Parent>> {
    const full = parseAddress(address);
    const checked = checkOpenOptions('openDevice', options);
    if (this.#closed) throw closedError(`Group ${this.id}`);
    this.#mustContain(full);
    const onClosed = (device: Device<Parent>) => this.#devices.delete(device);
    const open = () => this.#parts.openDevice(full, checked, onClosed);
    return this.#devices.open(open, checked.signal);
  }

  /** Closes the devices opened through it, then the group. Closing twice gives the same promise. */
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
      `${address} is not in group ${this.id}, which has ${members}`,
      'ERR_VFIO_ADDRESS',
    );
  }
}
