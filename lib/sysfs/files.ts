// SPDX-License-Identifier: MIT
// Looking at small files of /sys and /proc, where "not there" is an answer and not a failure. That a look
// failed is no answer: whoever takes it for one pulls a disk that he did not see mounted from under its user.
import { readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { errorFromNative } from '../errors.js';
import { deniedError, isDenied } from '../internal/permissions.js';

/** How the kernel says that something is not there, not of that kind, or not for this user to see. */
const absences = ['ENOENT', 'ENOTDIR', 'ENODEV', 'ENXIO', 'ESRCH', 'EINVAL', 'EACCES', 'EPERM'];

/** Whether a failed look means that there is nothing. */
export function isAbsence(failure: unknown): boolean {
  return absences.includes((failure as NodeJS.ErrnoException).code ?? '');
}

/** The error of a look that failed. */
export function lookFailed(failure: unknown, hint?: string): unknown {
  if (isDenied(failure)) return deniedError(failure);
  const { errno, syscall = '', path = '' } = failure as NodeJS.ErrnoException;
  if (errno === undefined) return failure;
  return errorFromNative({ errno, syscall, request: '', path }, { hint });
}

/** What a look gives; undefined where there is nothing. */
export function orNothing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (failure) {
    return nothingIfAbsent(failure);
  }
}

/** What a failed look gives, if it gives anything. */
function nothingIfAbsent(failure: unknown): undefined {
  if (isAbsence(failure)) return undefined;
  throw lookFailed(failure);
}

/** Whether there is something at a path. */
export function exists(path: string): boolean {
  return orNothing(() => statSync(path)) !== undefined;
}

/** A file's text without the white space around it. */
export function readText(path: string): string | undefined {
  return orNothing(() => readFileSync(path, 'utf8').trim());
}

/** A file's number, decimal or with 0x. */
export function readNumber(path: string): number | undefined {
  const text = readText(path);
  return text === undefined || text === '' || Number.isNaN(Number(text)) ? undefined : Number(text);
}

/**
 * The last name of what a link points to: the driver of `…/driver`, the group of `…/iommu_group`.
 */
export function readLinkName(path: string): string | undefined {
  return orNothing(() => basename(readlinkSync(path)));
}

/** The names in a folder, sorted; none when it is not there. */
export function listNames(path: string): string[] {
  return orNothing(() => readdirSync(path).sort()) ?? [];
}

/** Where a path leads once all its links are followed. */
export function realPath(path: string): string | undefined {
  return orNothing(() => realpathSync(path));
}

/** Whether a path with all its links followed leads to a PCI device, or to something of it. */
export function isBelow(path: string, address: string): boolean {
  return `${path}/`.includes(`/${address}/`);
}

/** What a look gives that takes its time; undefined where there is nothing. */
export async function ifThere<T>(look: Promise<T>): Promise<T | undefined> {
  return look.catch(nothingIfAbsent);
}

/** The first bytes of a file that may take its time; fewer where it is shorter. */
export async function readStart(path: string, bytes: number): Promise<Buffer | undefined> {
  try {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (failure) {
    return nothingIfAbsent(failure);
  }
}
