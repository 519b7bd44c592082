// SPDX-License-Identifier: MIT
// What a kernel to boot is: an image, its modules, and its kind of hot-plug.

export interface Kernel {
  readonly image: string;
  /** Modules to load, in the order of their names; none where everything is built in. */
  readonly modules: readonly KernelModule[];
  /**
   * Who removes and adds devices: the firmware's ACPI code at once, or PCIe's own way with the slot's
   * button and its five seconds.
   */
  readonly hotplug: 'acpi' | 'pcie';
}

export interface KernelModule {
  readonly name: string;
  readonly data: Buffer;
}
