// SPDX-License-Identifier: MIT
// Starts child.js for one tier of one Node version, and collects its reports case by case.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { undoOnExit } from '../../tools/cleanup.js';
import type { NodeIdentity } from '../../tools/node-versions.js';
import { projectRoot } from '../../tools/paths.js';
import type { Case } from './cases.js';
import type { Recorded } from './child.js';
import { COMMON_FLAGS, PLANS, type Tier } from './tiers.js';

/** The result of a case. */
export type Report = Recorded | { readonly error: string };

/** A hang guard: any tier needs far less. It ends a case that loops without end. */
const LIMIT_MS = 120_000;

const program = join(projectRoot, 'dist/test/exact/child.js');
/** Built for the oldest Node version; newer ones load it too. */
const addon = join(projectRoot, 'build/Release/testing/vfio_testing.node');

/** Calls `report` for each case, in their order. If the process crashes, the remaining cases get an error. */
export async function runChild(
  node: NodeIdentity,
  tier: Tier,
  cases: readonly Case[],
  report: (one: Case, report: Report) => void,
): Promise<void> {
  const child = spawn(node.path, [...PLANS[tier].flags, ...COMMON_FLAGS, program, tier], {
    env: { ...process.env, NODE_OPTIONS: '', VFIO_BINARY: addon },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  const done = undoOnExit(() => void child.kill('SIGKILL'));
  const left = [...cases];
  createInterface({ input: child.stdout }).on('line', (line) => {
    const one = left.shift();
    if (one !== undefined) report(one, parse(line));
  });
  // If the child dies early, it does not read its cases. How it ended says more than the broken pipe.
  child.stdin.on('error', () => {}).end(JSON.stringify(cases));
  const [stderr, [status, signal]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  done();
  const how = signal === null ? `status ${status}` : signal;
  for (const one of left) report(one, { error: `its process ended with ${how}: ${stderr.trim()}` });
}

function parse(line: string): Report {
  try {
    return JSON.parse(line) as Report;
  } catch {
    return { error: `not a report: ${line}` };
  }
}
