// SPDX-License-Identifier: MIT
// Measures register access on other Node versions, each in a process of its own.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { nodeOf } from '../tools/node-versions.js';
import { projectRoot } from '../tools/paths.js';
import { progress } from '../tools/progress.js';
import type { Result } from './report.js';

const program = join(projectRoot, 'dist/bench/node-line.js');
const MOST_OUTPUT = 2 ** 24;

/** The results of each version. Their names begin with the version: `node22.` and so on. */
export async function measureLines(majors: readonly string[], quick: boolean): Promise<Result[]> {
  const results: Result[] = [];
  for (const major of majors) {
    const { path, version } = await nodeOf(major);
    progress(`bench: measuring register access on Node ${version} …`);
    const args = [program, `node${major}.`, ...(quick ? ['--quick'] : [])];
    const { stdout } = await promisify(execFile)(path, args, { maxBuffer: MOST_OUTPUT });
    results.push(...(JSON.parse(stdout) as Result[]));
  }
  return results;
}
