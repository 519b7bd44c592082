// SPDX-License-Identifier: MIT
// The trap test: runs cases × tiers × Node versions, one cell at a time.

import type { NodeIdentity } from '../../tools/node-versions.js';
import type { Case, OurCase, PlainCase } from './cases.js';
import { type Cell, type Contender, cellOf } from './cells.js';
import { OUR_CASES } from './our-cases.js';
import { PLAIN_CASES } from './plain-cases.js';
import { runChild } from './run-child.js';
import { hasTier, TIERS, type Tier } from './tiers.js';

/** Why the trap test cannot run here; undefined if it can. */
export function unsupported(arch: string = process.arch): string | undefined {
  return arch === 'x64' ? undefined : `the trap decodes x86-64 instructions, not those of ${arch}`;
}

export interface CaseSelection {
  readonly ours: readonly OurCase[];
  readonly plain: readonly PlainCase[];
}

/** Selects the cases whose names match. `broken` names a case of the library to replace with its plain typed array. */
export function selectCases(pattern = /(?:)/, broken?: string): CaseSelection {
  const matching = ({ name }: Case) => pattern.test(name);
  return {
    ours: OUR_CASES.filter(matching).map((one) =>
      one.name === broken ? { ...one, body: one.plain } : one,
    ),
    plain: PLAIN_CASES.filter(matching),
  };
}

/** The tiers that a Node version has. */
export function tiersOf({ config }: NodeIdentity): Tier[] {
  return TIERS.filter((tier) => hasTier(tier, config));
}

/** The cases of a tier, each with its subject. */
export function casesIn(tier: Tier, { ours, plain }: CaseSelection): [Contender, Case][] {
  const all: [Contender, Case][] = [
    ...ours.map((one): [Contender, Case] => ['ours', one]),
    ...plain.map((one): [Contender, Case] => ['plain', one]),
  ];
  return all.filter(([, { loops, wasm }]) => {
    if (tier === 'jitless') return wasm === undefined;
    return tier !== 'osr' || loops === undefined;
  });
}

/** Runs the cases that `wanted` returns for each tier. `onCell` gets each cell as soon as it is measured. */
export async function measure(
  nodes: readonly NodeIdentity[],
  wanted: (tier: Tier) => [Contender, Case][],
  onCell: (cell: Cell) => void,
): Promise<void> {
  for (const node of nodes) {
    for (const tier of tiersOf(node)) {
      const left = wanted(tier);
      if (left.length === 0) continue;
      const cases = left.map(([, one]) => one);
      await runChild(node, tier, cases, (one, report) => {
        const [subject] = left.shift() as [Contender, Case];
        onCell(cellOf(node, tier, subject, one, report));
      });
    }
  }
}
