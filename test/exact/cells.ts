// SPDX-License-Identifier: MIT
// A cell of the matrix: one case in one tier of one Node, with what was executed.

import type { NodeIdentity } from '../../tools/nodes.js';
import type { Case } from './cases.js';
import { type Access, accessOf, formatAccesses, parseAccesses, type Trapped } from './notation.js';
import type { Report } from './run-child.js';
import type { Tier } from './tiers.js';

export type Contender = 'ours' | 'plain';

/** An element of build/results/exact-matrix.json. */
export interface MatrixCell {
  /** The major. */
  readonly node: string;
  /** Major and minor. */
  readonly v8: string;
  readonly tier: Tier;
  readonly subject: Contender;
  readonly case: string;
  readonly expected: string;
  /** `?` where it could not be told. */
  readonly got: string;
  readonly ok: boolean;
}

export interface Cell extends MatrixCell {
  /** Why it is not what was expected; empty when it is. */
  readonly reason: string;
  /** What was executed, a line for each access. */
  readonly executed: readonly string[];
}

/** What was executed in a turn, or why that cannot be told. */
interface Reading {
  readonly got: string;
  readonly reason: string;
  readonly trapped: readonly Trapped[];
}

export function cellOf(
  { name: node, v8 }: NodeIdentity,
  tier: Tier,
  subject: Contender,
  one: Case,
  report: Report,
): Cell {
  const expected = formatAccesses(parseAccesses(one.expected));
  const { got, reason, trapped } = read(report, tier, subject, expected);
  const ok = got === expected;
  return {
    node,
    v8,
    tier,
    subject,
    case: one.name,
    expected,
    got,
    ok,
    reason: ok ? '' : reason || `executed ${got} where ${expected} was expected`,
    executed: trapped.map(describe),
  };
}

function read(report: Report, tier: Tier, subject: Contender, expected: string): Reading {
  if ('error' in report) return { got: '?', reason: report.error, trapped: [] };
  const { accesses, reached, earlier } = report;
  if (!reached) {
    const reason = `the function did not get to the tier ${tier}`;
    return { got: '?', reason, trapped: accesses };
  }
  // What plain arrays do on the way to a tier is no news; ours have to be exact there, too.
  const turns = subject === 'ours' ? [...earlier, accesses] : [accesses];
  const readings = turns.map(readTurn);
  return readings.find(({ got }) => got !== expected) ?? (readings.at(-1) as Reading);
}

function readTurn(trapped: readonly Trapped[]): Reading {
  const accesses: Access[] = [];
  for (const one of trapped) {
    const access = accessOf(one);
    if (access === undefined) {
      return { got: '?', reason: `no known access: ${describe(one)}`, trapped };
    }
    accesses.push(access);
  }
  return { got: formatAccesses(accesses), reason: '', trapped };
}

/** An access with the bytes of its instruction and a few behind them. */
function describe(trapped: Trapped): string {
  const access = accessOf(trapped);
  const { page, offset, write } = trapped;
  const where = `${write ? 'write' : 'read'} of ${page} at 0x${offset.toString(16)}`;
  const bytes = trapped.code.replace(/../g, '$& ').trim();
  return `${access === undefined ? where : formatAccesses([access])}   ${bytes}`;
}
