// SPDX-License-Identifier: MIT
// Reads small files of /sys and /proc. A file that does not exist is a valid answer. Any other failed read is not
// "absent": treating it so could unbind a mounted disk.
import { readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { errorFromNative } from '../errors.js';
import { deniedError, isDenied } from '../internal/permissions.js';

/** The errnos with which the kernel says that a file does not exist, has another type, or is hidden from this user. */
const absences = ['ENOENT', 'ENOTDIR', 'ENODEV', 'ENXIO', 'ESRCH', 'EINVAL', 'EACCES', 'EPERM'];

/** Whether a failed read means that there is nothing to read. */
export function isAbsence(failure: unknown): boolean {
  return absences.includes((failure as NodeJS.ErrnoException).code ?? '');
}

/** The error for a read that failed for another reason. */
export function lookFailed(failure: unknown, hint?: string): unknown {
  if (isDenied(failure)) return deniedError(failure);
  const { errno, syscall = '', path = '' } = failure as NodeJS.ErrnoException;
  if (errno === undefined) return failure;
  return errorFromNative({ errno, syscall, request: '', path }, { hint });
}

/** The result of `look`; undefined if there is nothing to read. */
export function orNothing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (failure) {
    return nothingIfAbsent(failure);
  }
}

/** Undefined if the failure means that there is nothing to read. Throws otherwise. */
function nothingIfAbsent(failure: unknown): undefined {
  if (isAbsence(failure)) return undefined;
  throw lookFailed(failure);
}

/** Whether a file exists at a path. */
export function exists(path: string): boolean {
  return orNothing(() => statSync(path)) !== undefined;
}

/** The text of a file, without the white space around it. */
export function readText(path: string): string | undefined {
  return orNothing(() => readFileSync(path, 'utf8').trim());
}

/** The number in a file, decimal or hexadecimal with 0x; undefined if the file contains no number. */
export function readNumber(path: string): number | undefined {
  const text = readText(path);
  return text === undefined || text === '' || Number.isNaN(Number(text)) ? undefined : Number(text);
}

/** The last name in the target of a link, such as the driver of `…/driver` or the group of `…/iommu_group`. */
export function readLinkName(path: string): string | undefined {
  return orNothing(() => basename(readlinkSync(path)));
}

/** The names in a directory, sorted; none if it does not exist. */
export function listNames(path: string): string[] {
  return orNothing(() => readdirSync(path).sort()) ?? [];
}

/** The path with all links resolved. */
export function realPath(path: string): string | undefined {
  return orNothing(() => realpathSync(path));
}

/** Whether a path, with all links resolved, is a PCI device or lies below one. */
export function isBelow(path: string, address: string): boolean {
  return `${path}/`.includes(`/${address}/`);
}

/** The same as {@link orNothing}, for an asynchronous read. */
export async function ifThere<T>(look: Promise<T>): Promise<T | undefined> {
  return look.catch(nothingIfAbsent);
}

/** The first bytes of a file whose read may take long; fewer if the file is shorter. */
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
