// SPDX-License-Identifier: MIT
// What `import 'vfio'` costs a fresh process, beyond the start of Node. It is measured in processor time of all
// threads, user and system: elapsed time says most about what else the machine does.
import { execFileSync } from 'node:child_process';
import { projectRoot } from '../../tools/paths.js';
import { Samples } from '../../tools/statistics.js';
import type { Result } from '../report.js';
import { resultOf } from '../results.js';

const program = `
  const start = process.cpuUsage();
  import('vfio').then(() => console.log(JSON.stringify({ start, imported: process.cpuUsage(start) })));
`;

/** Each round starts Node once, which has the twin as well: so both have the same luck with the processor. */
export function importTime(rounds: number): Result[] {
  const added = new Samples();
  const bare = new Samples();
  for (let round = -1; round < rounds; round++) {
    const { start, imported } = startNode();
    if (round < 0) continue; // the first reads files from disk
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
