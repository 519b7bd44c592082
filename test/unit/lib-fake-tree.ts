// SPDX-License-Identifier: MIT
// A fake /sys, /proc and /dev below a temporary folder.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface FakePciDevice {
  vendor?: string;
  device?: string;
  class?: string;
  driver?: string | undefined;
  group?: number | undefined;
  numaNode?: number;
}

export class FakeTree {
  readonly root = mkdtempSync(join(tmpdir(), 'vfio-tree-'));

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true });
  }

  /** Writes a file, and makes the folders that it needs. */
  file(path: string, text: string | Uint8Array = ''): void {
    this.folder(dirname(path));
    writeFileSync(this.root + path, text);
  }

  folder(path: string): void {
    mkdirSync(this.root + path, { recursive: true, mode: 0o755 });
  }

  /** Makes a symbolic link. A target in /sys is taken to be below the root too. */
  link(path: string, target: string): void {
    this.folder(dirname(path));
    rmSync(this.root + path, { force: true });
    symlinkSync(target.startsWith('/sys') ? this.root + target : target, this.root + path);
  }

  /** Adds a PCI function, as sysfs shows it. */
  pci(address: string, facts: FakePciDevice = {}): void {
    const real = `/sys/devices/pci0000:00/${address}`;
    this.file(`${real}/vendor`, `${facts.vendor ?? '0x1b36'}\n`);
    this.file(`${real}/device`, `${facts.device ?? '0x0010'}\n`);
    this.file(`${real}/class`, `${facts.class ?? '0x010802'}\n`);
    this.file(`${real}/subsystem_vendor`, '0x1af4\n');
    this.file(`${real}/subsystem_device`, '0x1100\n');
    this.file(`${real}/numa_node`, `${facts.numaNode ?? -1}\n`);
    this.file(`${real}/driver_override`, '(null)\n');
    this.link(`/sys/bus/pci/devices/${address}`, real);
    if (facts.group !== undefined) {
      this.link(`${real}/iommu_group`, `/sys/kernel/iommu_groups/${facts.group}`);
      this.link(`/sys/kernel/iommu_groups/${facts.group}/devices/${address}`, real);
    }
    if (facts.driver !== undefined) this.bind(address, facts.driver);
  }

  /** Binds a device to a driver. Adds the driver if it does not exist yet. */
  bind(address: string, driver: string): void {
    this.driver(driver);
    this.link(`/sys/devices/pci0000:00/${address}/driver`, `/sys/bus/pci/drivers/${driver}`);
  }

  unbind(address: string): void {
    rmSync(`${this.root}/sys/devices/pci0000:00/${address}/driver`);
  }

  driver(name: string): void {
    this.folder(`/sys/bus/pci/drivers/${name}`);
  }

  /** Adds a process that has these files open. */
  process(pid: number, name: string, files: string[]): void {
    this.file(`/proc/${pid}/comm`, `${name}\n`);
    this.folder(`/proc/${pid}/fd`);
    for (const [fd, file] of files.entries()) {
      symlinkSync(file, `${this.root}/proc/${pid}/fd/${fd}`);
    }
  }
}
