// SPDX-License-Identifier: MIT
// A fake of the kernel's side of binding: it acts on writes to the sysfs files that bind one device.
import { readFileSync, writeFileSync } from 'node:fs';
import { readDevice } from '../../lib/pci.js';
import type { Sysfs } from '../../lib/sysfs/machine.js';
import type { FakeTree } from './lib-fake-tree.js';

/** The file to which a device is written for the kernel to choose its driver. */
export const probe = '/sys/bus/pci/drivers_probe';

/** The file to which a device is written to bind it to this driver. */
export const bind = (driver: string) => `/sys/bus/pci/drivers/${driver}/bind`;

/** The file to which a device is written to unbind it from this driver. */
export const unbind = (driver: string) => `/sys/bus/pci/drivers/${driver}/unbind`;

export class FakeSysfs implements Sysfs {
  readonly root: string;
  readonly writes: string[] = [];
  /** Functions to call before the write with this number. The first write is number 0. */
  before = new Map<number, () => void>();
  /** The driver that takes the device when `driver_override` names no other one. */
  natural: string | undefined;
  readonly #override: string;
  #attempts = 0;

  constructor(
    readonly tree: FakeTree,
    readonly address: string,
  ) {
    this.root = tree.root;
    this.#override = `/sys/bus/pci/devices/${address}/driver_override`;
  }

  async write(path: string, value: string): Promise<void> {
    this.before.get(this.#attempts++)?.();
    this.writes.push(`${value} > ${path}`);
    if (path === this.#override) return this.#changeOverride(value);
    const [, driver, action] = /drivers\/([^/]+)\/(bind|unbind)$/.exec(path) ?? [];
    if (action === 'unbind') this.tree.unbind(value);
    if (action === 'bind' && driver !== undefined) this.tree.bind(value, driver);
    if (path === probe) this.#probe(value);
  }

  get override(): string {
    return readFileSync(this.root + this.#override, 'utf8').trim();
  }

  get driver(): string | undefined {
    return readDevice(this.address, this.root)?.driver;
  }

  #changeOverride(value: string): void {
    writeFileSync(this.root + this.#override, value === '' ? '(null)\n' : `${value}\n`);
  }

  #probe(which: string): void {
    if (this.driver !== undefined) return;
    const chosen = this.override === '(null)' ? this.natural : this.override;
    if (chosen !== undefined) this.tree.bind(which, chosen);
  }
}
