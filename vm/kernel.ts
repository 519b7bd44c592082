// SPDX-License-Identifier: MIT
// The type of a kernel to boot: its image, its modules, and its kind of hot-plug.

export interface Kernel {
  readonly image: string;
  /** The modules to load, in this order. Empty if everything is built in. */
  readonly modules: readonly KernelModule[];
  /**
   * How devices are removed and added. `acpi`: the firmware's ACPI code does it at once. `pcie`: native PCIe hot-plug,
   * with the slot's button and its delay of five seconds.
   */
  readonly hotplug: 'acpi' | 'pcie';
}

export interface KernelModule {
  readonly name: string;
  readonly data: Buffer;
}
