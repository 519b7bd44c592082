// SPDX-License-Identifier: MIT
// Puts into titles what jest has no field for: back end, device, and the reason of a skip. Files of test/support/
// write such titles, the reporter reads them back.

export const backends = ['type1', 'iommufd', 'vfio-user', 'memory'] as const;
export type Backend = (typeof backends)[number];

/** What a group of tests runs on. */
export interface Subject {
  readonly backend: Backend;
  /** A device of the test machine: `edu`, `nvme`. */
  readonly device?: string;
}

export interface ParsedTitle {
  readonly name: string;
  readonly backend: string;
  readonly device: string;
  /** Of a skip; undefined where none was given. */
  readonly skipReason: string | undefined;
}

const SUBJECT = new RegExp(`^(.*) on (${backends.join('|')})(?:/([\\w-]+))?$`);
const SKIP = /^(.*) \[skipped: (.*)\]$/;

export function titleOn(title: string, subject: Subject): string {
  const device = subject.device === undefined ? '' : `/${subject.device}`;
  return `${title} on ${subject.backend}${device}`;
}

export function skippedTitle(title: string, reason: string): string {
  return `${title} [skipped: ${reason}]`;
}

/** Reads the titles of a test and the groups around it, outermost first. */
export function parseTitles(titles: readonly string[]): ParsedTitle {
  const names: string[] = [];
  let backend = '';
  let device = '';
  let skipReason: string | undefined;
  for (const title of titles) {
    const skip = SKIP.exec(title);
    const name = skip?.[1] ?? title;
    skipReason ??= skip?.[2];
    names.push(name);
    const subject = SUBJECT.exec(name);
    backend = subject?.[2] ?? backend;
    device = subject?.[3] ?? device;
  }
  return { name: names.join(' '), backend, device, skipReason };
}
