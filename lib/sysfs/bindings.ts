// SPDX-License-Identifier: MIT
// Records which driver a device had before it was bound to vfio-pci, and which process bound it. The record is a file
// below /run, so a device can be given back after its process was killed. A reboot ends bindings and clears /run.
import { readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { warn } from '../internal/report.js';
import type { PciDevice } from '../pci.js';
import { orNothing, readText } from './files.js';
import { inTurn, type Sysfs } from './machine.js';
import { makeFolder, mustBeTrusted, runFailed } from './run-folder.js';

const folder = '/run/vfio';
const file = `${folder}/bindings.json`;

/** The state of a device before it was bound, and the process that bound it. */
export interface Remembered {
  vendorId: number;
  deviceId: number;
  /** Its driver; null if it had none. */
  driver: string | null;
  /** Its driver_override; '' if it had none. */
  override: string;
  pid: number;
  /** When that process started, in the kernel's clock ticks. The kernel reuses pids, so the pid alone is not enough. */
  startTime: number;
  /** Identifies the binding among those of the process. */
  id: string;
}

/** The record of this device; undefined if there is none, or if it is of another device at the same address. */
export function recall({ root }: Sysfs, device: PciDevice): Remembered | undefined {
  const entry = readAll(root)?.[device.address];
  if (!isRemembered(entry)) return undefined;
  const isSame = entry.vendorId === device.vendorId && entry.deviceId === device.deviceId;
  return isSame ? entry : undefined;
}

/** Records the state of a device before this process changes it. Returns the `id` of the record. */
export async function remember(
  sysfs: Sysfs,
  { address, vendorId, deviceId }: PciDevice,
  before: { driver: string | undefined; override: string },
): Promise<string> {
  const { override, driver = null } = before;
  const id = crypto.randomUUID();
  const entry = { vendorId, deviceId, driver, override, ...thisProcess(sysfs.root), id };
  await change(sysfs, (all) => ({ ...all, [address]: entry }));
  return id;
}

/** Deletes the record of a device: it was given back. */
export async function forget(sysfs: Sysfs, address: string): Promise<void> {
  if (readAll(sysfs.root)?.[address] === undefined) return;
  await change(sysfs, ({ [address]: _, ...others }) => others);
}

/** Whether the process that bound the device still runs. */
export function isAlive(remembered: Remembered, root: string): boolean {
  const { pid, startTime } = remembered;
  const isOwn = pid === process.pid && startTime === thisProcess(root).startTime;
  return isOwn || startTimeOf(pid, root) === startTime;
}

function thisProcess(root: string): { pid: number; startTime: number } {
  return { pid: process.pid, startTime: startTimeOf(process.pid, root) ?? 0 };
}

// proc(5): the name in parentheses can contain spaces. The fields after it begin with field 3, the state; field 22 is
// the start time.
function startTimeOf(pid: number, root: string): number | undefined {
  const stat = readText(`${root}/proc/${pid}/stat`);
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
  const hasEnded = fields[0] === 'Z' || fields[0] === 'X';
  return fields[19] === undefined || hasEnded ? undefined : Number(fields[19]);
}

type All = Record<string, unknown>;

async function change(sysfs: Sysfs, edit: (all: All) => All): Promise<void> {
  await inTurn(sysfs, 'bindings', async () => {
    const path = sysfs.root + file;
    try {
      makeFolder(sysfs.root + folder);
      const all = readAll(sysfs.root) ?? setAside(path);
      replace(path, `${JSON.stringify(edit(all), undefined, 2)}\n`);
    } catch (failure) {
      throw runFailed(failure);
    }
  });
}

/** Writes a new file and renames it, so that nothing is written through a link that lies at either name. */
function replace(path: string, text: string): void {
  const next = `${path}.new`;
  orNothing(() => unlinkSync(next));
  writeFileSync(next, text, { mode: 0o644, flag: 'wx' });
  renameSync(next, path);
}

/** The records of all devices; undefined if the file is damaged. */
function readAll(root: string): All | undefined {
  mustBeTrusted(root + folder);
  const text = orNothing(() => readFileSync(root + file, 'utf8'));
  if (text === undefined) return {};
  try {
    const all: unknown = JSON.parse(text);
    return typeof all === 'object' && all !== null && !Array.isArray(all)
      ? (all as All)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Renames a damaged file: it must not prevent binding, but a person may still be able to read it. */
function setAside(path: string): All {
  renameSync(path, `${path}.damaged`);
  warn('The previous drivers of the bound devices are lost', {
    message: `${path} was damaged and was renamed to ${path}.damaged`,
  });
  return {};
}

function isRemembered(entry: unknown): entry is Remembered {
  if (typeof entry !== 'object' || entry === null) return false;
  const { vendorId, deviceId, driver, override, pid, startTime } = entry as Partial<Remembered>;
  return (
    [vendorId, deviceId, pid, startTime].every(Number.isSafeInteger) &&
    (driver === null || isFileName(driver)) &&
    isLine(override)
  );
}

/** Whether a driver's name is safe as a part of a path in sysfs. Some names have spaces. */
function isFileName(value: unknown): boolean {
  return isLine(value) && !['', '.', '..'].includes(value) && !value.includes('/');
}

function isLine(value: unknown): value is string {
  return typeof value === 'string' && !/[\n\0]/.test(value);
}
