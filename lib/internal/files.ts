// SPDX-License-Identifier: MIT
// Looking at small files of /sys and /proc, where "not there" is an answer and not a failure.
import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { basename } from 'node:path';

function orNothing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
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
