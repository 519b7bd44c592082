// SPDX-License-Identifier: MIT
// What `import 'vfio'` adds to the start of a process, in fresh ones.
import { spawnSync } from 'node:child_process';
import { projectRoot } from '../../vm/paths.js';
import { Samples } from '../distribution.js';
import { bench } from '../native.js';
import type { Result } from '../report.js';
import { resultOf } from '../results.js';

/** Each round starts Node twice: with and without. */
export function importTime(rounds: number): Result[] {
  const added = new Samples();
  const bare = new Samples();
  for (let round = -1; round < rounds; round++) {
    const without = startNode('0');
    const time = startNode("import('vfio')") - without;
    if (round < 0) continue; // the first reads files from disk
    added.record(time);
    bare.record(without);
  }
  const head = {
    name: 'import',
    what: 'node -e "import(\'vfio\')", less the twin',
    unit: 'ms',
  } as const;
  return [resultOf(head, added, { what: 'node -e 0', samples: bare })];
}

/** In milliseconds. */
function startNode(program: string): number {
  const start = bench.now();
  const { status } = spawnSync(process.execPath, ['-e', program], {
    cwd: projectRoot,
    stdio: 'ignore',
  });
  if (status !== 0) throw new Error(`node -e ${program} ended with ${status}`);
  return (bench.now() - start) / 1e6;
}
