// SPDX-License-Identifier: MIT
// Picks the parts of sanitizer reports that are about the project's code, and adds the names of its functions.
//
// LeakSanitizer checks every program that is started, and does not see pointers in memory that V8 maps for itself. It
// finds hundreds of "leaks" in a Node that ended with process.exit, and some in jest's addons. A leak is ours if our
// code allocated it, or a Node-API function that our code called. Memcheck reports each death by a signal. Some tests
// make a child die of SIGBUS and judge that themselves, so these reports are left out. All other reports count,
// whatever they are about.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Send } from './events.js';

const LEAKS = 'LeakSanitizer: detected memory leaks';
const LEAK = /^(?:Direct|Indirect) leak of .*(?:\n +#.*)*/gm;

/** A death by SIGBUS (signal 7), with its stack. Memcheck begins each line with the number of the process. */
const BUS_DEATH =
  /^==\d+== Process terminating with default action of signal 7 .*(?:\n==\d+== {2}.*)*/gm;
const NOTHING_ELSE = /^(?:==\d+== *|\n)*$/;

/** The last frame to look at. Frame #0 is the allocator. If our code comes later, Node allocated for itself. */
const CALLERS = 3;

const FRAME = /^ +#(\d+) .*$/gm;
const OURS = /\((\/\S*\/vfio(?:_\w+)?(?:\.node)?)\+(0x[0-9a-f]+)\)/;

/** The part of a report that is about our code. Empty if no part is. */
export function relevantPart(report: string): string {
  if (!report.includes(LEAKS)) return withoutBusDeaths(report);
  return (report.match(LEAK) ?? []).filter(isOurs).join('\n\n');
}

function withoutBusDeaths(report: string): string {
  const rest = report.replace(BUS_DEATH, '');
  return NOTHING_ELSE.test(rest) ? '' : report.trim();
}

function isOurs(leak: string): boolean {
  return [...leak.matchAll(FRAME)].some(
    ([frame, number]) => Number(number) <= CALLERS && OURS.test(frame),
  );
}

/** Replaces addresses in our binaries by function, file and line. Inside the sanitized program, this takes seconds. */
export function withNames(report: string): string {
  return report.replace(new RegExp(OURS, 'g'), (place, binary: string, address: string) => {
    try {
      return execFileSync('addr2line', ['-e', binary, '-fCsp', address], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim();
    } catch {
      return place;
    }
  });
}

/** Sends the reports in a directory as failures of the suite. */
export function tellReports(suite: string, directory: string, event: Send): void {
  for (const name of readdirSync(directory)) {
    const part = relevantPart(readFileSync(join(directory, name), 'utf8'));
    if (part !== '') event({ event: 'broken', what: `${suite}: ${name}`, reason: withNames(part) });
  }
}
