// SPDX-License-Identifier: MIT
// A cell of the matrix: one case in one tier of one Node, with what was executed.
import type { Case } from './cases.js';
import type { NodeIdentity } from './nodes.js';
import { type Access, accessOf, formatAccesses, parseAccesses, type Trapped } from './notation.js';
import type { Report } from './run-child.js';
import type { Tier } from './tiers.js';

export type Subject = 'ours' | 'plain';

/** An element of build/results/exact-matrix.json. */
export interface MatrixCell {
  /** The major. */
  readonly node: string;
  /** Major and minor. */
  readonly v8: string;
  readonly tier: Tier;
  readonly subject: Subject;
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

/** What was executed, or why that cannot be told. */
type Reading = { readonly accesses: readonly Access[] } | { readonly failure: string };

export function cellOf(
  { name: node, v8 }: NodeIdentity,
  tier: Tier,
  subject: Subject,
  one: Case,
  report: Report,
): Cell {
  const expected = formatAccesses(parseAccesses(one.expected));
  const reading = read(report, tier);
  const got = 'failure' in reading ? '?' : formatAccesses(reading.accesses);
  return {
    node,
    v8,
    tier,
    subject,
    case: one.name,
    expected,
    got,
    ok: got === expected,
    reason: reasonFor(expected, got, reading),
    executed: 'error' in report ? [] : report.accesses.map(describe),
  };
}

function reasonFor(expected: string, got: string, reading: Reading): string {
  if ('failure' in reading) return reading.failure;
  return got === expected ? '' : `executed ${got} where ${expected} was expected`;
}

function read(report: Report, tier: Tier): Reading {
  if ('error' in report) return { failure: report.error };
  if (!report.reached) return { failure: `the function did not get to the tier ${tier}` };
  const accesses: Access[] = [];
  for (const trapped of report.accesses) {
    const access = accessOf(trapped);
    if (access === undefined) return { failure: `no known access: ${describe(trapped)}` };
    accesses.push(access);
  }
  return { accesses };
}

/** An access with the bytes of its instruction and a few behind them. */
function describe(trapped: Trapped): string {
  const access = accessOf(trapped);
  const { page, offset, write } = trapped;
  const where = `${write ? 'write' : 'read'} of ${page} at 0x${offset.toString(16)}`;
  const bytes = trapped.code.replace(/../g, '$& ').trim();
  return `${access === undefined ? where : formatAccesses([access])}   ${bytes}`;
}
