// SPDX-License-Identifier: MIT
// A cell of the matrix: one case in one tier of one Node version, with the accesses that it executed.

import type { NodeIdentity } from '../../tools/node-versions.js';
import type { Case } from './cases.js';
import { type Access, accessOf, formatAccesses, parseAccesses, type Trapped } from './notation.js';
import type { Report } from './run-child.js';
import type { Tier } from './tiers.js';

export type Contender = 'ours' | 'plain';

/** An element of build/results/exact-matrix.json. */
export interface MatrixCell {
  /** The major version. */
  readonly node: string;
  /** The major and minor version. */
  readonly v8: string;
  readonly tier: Tier;
  readonly subject: Contender;
  readonly case: string;
  readonly expected: string;
  /** `?` if the accesses could not be determined. */
  readonly got: string;
  readonly ok: boolean;
}

export interface Cell extends MatrixCell {
  /** Why it is not as expected; empty if it is. */
  readonly reason: string;
  /** The executed accesses, one line each. */
  readonly executed: readonly string[];
}

/** The accesses of one run, or why they could not be determined. */
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
    reason: ok ? '' : reason || `executed ${got}, but expected ${expected}`,
    executed: trapped.map(describe),
  };
}

function read(report: Report, tier: Tier, subject: Contender, expected: string): Reading {
  if ('error' in report) return { got: '?', reason: report.error, trapped: [] };
  const { accesses, reached, earlier } = report;
  if (!reached) {
    const reason = `the function did not reach the tier ${tier}`;
    return { got: '?', reason, trapped: accesses };
  }
  // Only the library must also be exact before a function reaches its tier. Plain arrays are judged in the tier alone.
  const turns = subject === 'ours' ? [...earlier, accesses] : [accesses];
  const readings = turns.map(readTurn);
  return readings.find(({ got }) => got !== expected) ?? (readings.at(-1) as Reading);
}

function readTurn(trapped: readonly Trapped[]): Reading {
  const accesses: Access[] = [];
  for (const one of trapped) {
    const access = accessOf(one);
    if (access === undefined) {
      return { got: '?', reason: `unknown access: ${describe(one)}`, trapped };
    }
    accesses.push(access);
  }
  return { got: formatAccesses(accesses), reason: '', trapped };
}

/** Describes an access, with the bytes of its instruction and a few that follow. */
function describe(trapped: Trapped): string {
  const access = accessOf(trapped);
  const { page, offset, write } = trapped;
  const where = `${write ? 'write' : 'read'} of ${page} at 0x${offset.toString(16)}`;
  const bytes = trapped.code.replace(/../g, '$& ').trim();
  return `${access === undefined ? where : formatAccesses([access])}   ${bytes}`;
}
