// SPDX-License-Identifier: MIT
// Stores back end, device and reason of a skip in the titles of tests, because jest has no fields for them. Files of
// test/support/ write such titles, and the reporter parses them.

export const backends = ['type1', 'iommufd', 'vfio-user', 'memory'] as const;
export type Backend = (typeof backends)[number];

/** The back end and the device on which a group of tests runs. */
export interface Subject {
  readonly backend: Backend;
  /** A device of the test machine: `edu`, `nvme`. */
  readonly device?: string;
}

export interface ParsedTitle {
  readonly name: string;
  readonly backend: string;
  readonly device: string;
  /** The reason of a skip. Undefined if the test is not skipped, or has no reason. */
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

/** Parses the titles of a test and of the groups around it, outermost first. */
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
