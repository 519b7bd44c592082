// SPDX-License-Identifier: MIT
// The trap test as a suite of `npm test`, on the running Node version.
import { release } from 'node:os';
import { type NodeIdentity, runningNode } from '../../tools/node-versions.js';
import type { Send } from '../harness/events.js';
import type { Ending } from '../harness/recorder.js';
import type { Suite } from '../harness/suite.js';
import type { Case } from './cases.js';
import type { Cell, Contender } from './cells.js';
import { casesIn, measure, selectCases, tiersOf, unsupported } from './exactness.js';
import { changes, readExpectations } from './expectations.js';
import { mustBeExact, trustsStores } from './judgement.js';
import { writeMatrix } from './matrix.js';
import { changeLines, failureLines } from './report.js';
import type { Tier } from './tiers.js';

const DONE: Ending = { how: 'it ran to its end', crashed: false, kernelLog: [] };
const PLACE = { file: 'test/exact/our-cases.ts', backend: '', device: '' } as const;
const UNSUPPORTED = 'registers and DMA memory are accessed exactly';

export const exactSuite: Suite = {
  name: 'exact',
  seconds: 8,
  async list({ event }) {
    const node = await runningNode();
    const names = unsupported() === undefined ? namesOf(node) : [UNSUPPORTED];
    for (const name of names) event({ event: 'listed', name });
    return DONE;
  },
  async run(pattern, { event }) {
    event({ event: 'run', kernel: release() });
    const reason = unsupported();
    if (reason === undefined) await run(await runningNode(), pattern, event);
    else event({ event: 'case', ...PLACE, name: UNSUPPORTED, status: 'skipped', reason, ms: 0 });
    event({ event: 'end' });
    return DONE;
  },
};

/** The name that `npm test -- --name` matches. */
function nameOf(subject: Contender, name: string, tier: Tier): string {
  return `${subject === 'ours' ? name : `plain ${name}, for doorbells,`} in ${tier}`;
}

/** The cases of a tier that must be exact. */
function judgedIn(tier: Tier, { v8 }: NodeIdentity): [Contender, Case][] {
  return casesIn(tier, selectCases()).filter(([subject, { name }]) =>
    mustBeExact({ subject, case: name, v8 }, trustsStores),
  );
}

function namesOf(node: NodeIdentity): string[] {
  return tiersOf(node).flatMap((tier) =>
    judgedIn(tier, node).map(([subject, { name }]) => nameOf(subject, name, tier)),
  );
}

async function run(node: NodeIdentity, pattern: string | undefined, event: Send): Promise<void> {
  const cells: Cell[] = [];
  let last = Date.now();
  const wanted = (tier: Tier) => {
    if (pattern === undefined) return casesIn(tier, selectCases());
    const name = new RegExp(pattern, 'i');
    return judgedIn(tier, node).filter(([subject, one]) =>
      name.test(nameOf(subject, one.name, tier)),
    );
  };
  await measure([node], wanted, (cell) => {
    cells.push(cell);
    const now = Date.now();
    if (mustBeExact(cell, trustsStores)) event(caseEvent(cell, now - last));
    last = now;
  });
  if (pattern !== undefined) return;
  writeMatrix(cells);
  for (const text of changeLines(changes(readExpectations(), cells))) {
    event({ event: 'console', text });
  }
}

function caseEvent(cell: Cell, ms: number) {
  return {
    event: 'case',
    ...PLACE,
    name: nameOf(cell.subject, cell.case, cell.tier),
    status: cell.ok ? 'passed' : 'failed',
    reason: failureLines(cell).join('\n'),
    ms,
  } as const;
}
