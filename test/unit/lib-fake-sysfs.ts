// SPDX-License-Identifier: MIT
// The part of the kernel that acts on what is written to the files of sysfs by which one device is bound.
import { readFileSync, writeFileSync } from 'node:fs';
import { readDevice } from '../../lib/pci.js';
import type { Sysfs } from '../../lib/sysfs/machine.js';
import type { FakeTree } from './lib-fake-tree.js';

const probe = '/sys/bus/pci/drivers_probe';

export class FakeSysfs implements Sysfs {
  readonly root: string;
  readonly writes: string[] = [];
  /** Happens before the write with this number. */
  before = new Map<number, () => void>();
  /** The driver that takes the device when no override says another. */
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
