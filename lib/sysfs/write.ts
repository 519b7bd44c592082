// SPDX-License-Identifier: MIT
// Writes to sysfs. The error of a failed write says which step of binding it was.
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { errnoName, errorFromNative } from '../errors.js';
import { deniedError, isDenied } from '../internal/permissions.js';
import { isAbsence, lookFailed } from './files.js';
import type { Sysfs } from './machine.js';
import { type SysfsWrite, toLine } from './steps.js';

/** Writes to sysfs. A failure names the step as a shell command. */
export async function write(sysfs: Sysfs, step: SysfsWrite, address: string): Promise<void> {
  try {
    await sysfs.write(step.path, step.value);
  } catch (failure) {
    throw writeFailed(failure, step, address);
  }
}

/** The error if this process may not write to a device's files; undefined if it may. */
export async function writeRefusal(
  { root }: Sysfs,
  step: SysfsWrite,
  address: string,
): Promise<unknown> {
  try {
    await access(root + step.path, constants.W_OK);
    return undefined;
  } catch (failure) {
    if (!isAbsence(failure) && !isReadOnly(failure)) throw lookFailed(failure);
    return writeFailed(failure, step, address);
  }
}

function isReadOnly(failure: unknown): boolean {
  return (failure as NodeJS.ErrnoException).code === 'EROFS';
}

function writeFailed(failure: unknown, step: SysfsWrite, address: string): unknown {
  if (isDenied(failure)) return deniedError(failure);
  const { errno = 0, syscall = 'write' } = failure as NodeJS.ErrnoException;
  const hint = hintForWrite(errnoName(errno), step);
  return errorFromNative({ errno, syscall, request: '', path: step.path }, { address, hint });
}

function hintForWrite(errno: string, step: SysfsWrite): string {
  if (errno === 'EACCES' || errno === 'EPERM' || errno === 'EROFS') {
    return `Binding writes to /sys, which needs root. The refused step: ${toLine(step)}`;
  }
  return `The failed step: ${toLine(step)}`;
}
