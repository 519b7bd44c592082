// SPDX-License-Identifier: MIT
// Remembers which driver a device had before it was bound to vfio-pci, and which process bound it. A file below /run
// has it, so that a process that was killed leaves a way back. A boot undoes bindings, and clears /run.
import { readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { warn } from '../internal/report.js';
import type { PciDevice } from '../pci.js';
import { orNothing, readText } from './files.js';
import { inTurn, type Sysfs } from './machine.js';
import { makeFolder, mustBeTrusted, runFailed } from './run-folder.js';

const folder = '/run/vfio';
const file = `${folder}/bindings.json`;

/** How a device stood, and which process changed that. */
export interface Remembered {
  vendorId: number;
  deviceId: number;
  /** Its driver; null for none. */
  driver: string | null;
  /** Its driver_override; '' for none. */
  override: string;
  pid: number;
  /** When that process started, in the kernel's ticks: its number is used again. */
  startTime: number;
  /** Which of its bindings. */
  id: string;
}

/** What is remembered of this device; undefined when that is nothing, or was of another device at its address. */
export function recall({ root }: Sysfs, device: PciDevice): Remembered | undefined {
  const entry = readAll(root)?.[device.address];
  if (!isRemembered(entry)) return undefined;
  const isSame = entry.vendorId === device.vendorId && entry.deviceId === device.deviceId;
  return isSame ? entry : undefined;
}

/** Remembers how a device stands before this process changes it; gives the `id` of that. */
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

/** The device was given back. */
export async function forget(sysfs: Sysfs, address: string): Promise<void> {
  if (readAll(sysfs.root)?.[address] === undefined) return;
  await change(sysfs, ({ [address]: _, ...others }) => others);
}

/** Whether the process that changed the device is still there. */
export function isAlive(remembered: Remembered, root: string): boolean {
  const { pid, startTime } = remembered;
  const isOwn = pid === process.pid && startTime === thisProcess(root).startTime;
  return isOwn || startTimeOf(pid, root) === startTime;
}

function thisProcess(root: string): { pid: number; startTime: number } {
  return { pid: process.pid, startTime: startTimeOf(process.pid, root) ?? 0 };
}

// proc(5): the name in parentheses may have spaces; after it the state is field 3, the start time field 22.
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

/** By a file that is not there yet, so that nothing that stands at its name is written through. */
function replace(path: string, text: string): void {
  const next = `${path}.new`;
  orNothing(() => unlinkSync(next));
  writeFileSync(next, text, { mode: 0o644, flag: 'wx' });
  renameSync(next, path);
}

/** What the file says of every device; undefined when it is damaged. */
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

/** A damaged file hinders nobody from binding, and is kept for whoever can read it. */
function setAside(path: string): All {
  renameSync(path, `${path}.damaged`);
  warn(`What devices were bound to before is lost`, {
    message: `${path} was damaged, and is ${path}.damaged now`,
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

/** A driver's name becomes a part of paths in sysfs. Some have spaces. */
function isFileName(value: unknown): boolean {
  return isLine(value) && !['', '.', '..'].includes(value) && !value.includes('/');
}

function isLine(value: unknown): value is string {
  return typeof value === 'string' && !/[\n\0]/.test(value);
}
