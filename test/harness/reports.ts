// SPDX-License-Identifier: MIT
// What sanitizers report, read for what is ours, with the names of our functions.
//
// LeakSanitizer looks at every program that is started, and sees no pointers in memory that V8 maps for itself: of a
// Node that was ended by process.exit it finds hundreds of "leaks", of jest's own addons some. A leak is ours when our
// code allocated it, or a function of Node-API that our code called. And memcheck tells of every death by a signal; one of
// SIGBUS, which tests have a child die of, is for them to judge. Any other report counts whatever it is about.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Send } from './events.js';

const LEAKS = 'LeakSanitizer: detected memory leaks';
const LEAK = /^(?:Direct|Indirect) leak of .*(?:\n +#.*)*/gm;

/** With where it happened; memcheck begins each line with the process. */
const BUS_DEATH =
  /^==\d+== Process terminating with default action of signal 7 .*(?:\n==\d+== {2}.*)*/gm;
const NOTHING_ELSE = /^(?:==\d+== *|\n)*$/;

/** The allocator's own frame is #0; behind these a function of Node has allocated for itself. */
const CALLERS = 3;

const FRAME = /^ +#(\d+) .*$/gm;
const OURS = /\((\/\S*\/vfio(?:_\w+)?(?:\.node)?)\+(0x[0-9a-f]+)\)/;

/** The part of a report that says something about our code; empty when nothing does. */
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

/** Puts function, file and line in the place of addresses in our binaries: in the program itself it takes seconds. */
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

/** Tells what the files of a directory report as failures. */
export function tellReports(suite: string, directory: string, event: Send): void {
  for (const name of readdirSync(directory)) {
    const part = relevantPart(readFileSync(join(directory, name), 'utf8'));
    if (part !== '') event({ event: 'broken', what: `${suite}: ${name}`, reason: withNames(part) });
  }
}
