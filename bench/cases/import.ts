// SPDX-License-Identifier: MIT
// The cost of `import 'vfio'` in a fresh process, in addition to the start of Node. It is the processor time of all
// threads, user and system. Elapsed time would depend mostly on other load on the machine.
import { execFileSync } from 'node:child_process';
import { projectRoot } from '../../tools/paths.js';
import { Samples } from '../../tools/statistics.js';
import type { Result } from '../report.js';
import { resultOf } from '../results.js';

const program = `
  const start = process.cpuUsage();
  import('vfio').then(() => console.log(JSON.stringify({ start, imported: process.cpuUsage(start) })));
`;

/** Each round starts Node once and measures both the import and its twin, so both run under the same conditions. */
export function importTime(rounds: number): Result[] {
  const added = new Samples();
  const bare = new Samples();
  for (let round = -1; round < rounds; round++) {
    const { start, imported } = startNode();
    if (round < 0) continue; // the first round reads the files from disk
    added.record(milliseconds(imported));
    bare.record(milliseconds(start));
  }
  const head = { name: 'import', what: "import('vfio')", unit: 'ms' } as const;
  return [resultOf(head, added, { what: 'the start of Node before it', samples: bare })];
}

function startNode(): Record<'start' | 'imported', NodeJS.CpuUsage> {
  const args = ['-e', program];
  return JSON.parse(execFileSync(process.execPath, args, { cwd: projectRoot, encoding: 'utf8' }));
}

function milliseconds({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1000;
}
