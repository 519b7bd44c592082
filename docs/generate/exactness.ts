// SPDX-License-Identifier: MIT
// The matrix of docs/mmio-in-javascript.md, from what the trap test recorded.
import type { Case } from '../../test/exact/cases.js';
import { type Expectations, readExpectations, recordedFor } from '../../test/exact/expectations.js';
import { formatAccesses, parseAccesses } from '../../test/exact/notation.js';
import { OUR_CASES } from '../../test/exact/our-cases.js';
import { PLAIN_CASES } from '../../test/exact/plain-cases.js';
import type { Tier } from '../../test/exact/tiers.js';
import type { Generator } from './generator.js';

/** The columns. Some show several tiers; a cell says where those differ. */
const COLUMNS: readonly { readonly title: string; readonly tiers: readonly Tier[] }[] = [
  { title: 'interpreter, Sparkplug', tiers: ['jitless', 'cold', 'ignition', 'sparkplug'] },
  { title: 'Maglev', tiers: ['maglev'] },
  { title: 'TurboFan', tiers: ['turbofan'] },
  { title: 'TurboFan, in a loop', tiers: ['osr'] },
];

const EXACT = '✓';
const NOT_RUN = '·';

export const exactness: Generator = {
  measured: false,
  markdown() {
    const expectations = readExpectations();
    return [engines(expectations), plainTable(expectations), ours()].join('\n\n');
  },
};

function engines({ engines: recorded }: Expectations): string {
  const names = Object.entries(recorded).map(([v8, node]) => `${node} (V8 ${v8})`);
  return `Recorded on x86-64 with Node ${names.join(', ')}. \`${EXACT}\` means: exactly what was meant, in all of them.`;
}

function plainTable(expectations: Expectations): string {
  const titles = ['what is written', 'what is meant', ...COLUMNS.map(({ title }) => title)];
  const rows = PLAIN_CASES.map((one) => [
    code(one.body.replace('print', 'console.log')),
    code(meant(one)),
    ...COLUMNS.map(({ tiers }) => executed(expectations, one, tiers)),
  ]);
  return [titles, titles.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

function meant({ expected }: Case): string {
  return formatAccesses(parseAccesses(expected));
}

/** The accesses that were executed in these tiers. If the engines differ, the text names the Node versions. */
function executed(expectations: Expectations, one: Case, tiers: readonly Tier[]): string {
  const { loops, wasm } = one;
  if (loops && tiers.includes('osr')) return NOT_RUN;
  const nodes = Object.entries(expectations.engines).filter(([v8]) => hasAny(v8, tiers));
  const places = new Map<string, Set<string>>();
  for (const [v8, version] of nodes) {
    for (const tier of tiers.filter((one) => one !== 'jitless' || !wasm)) {
      const cell = { v8, tier, case: one.name, expected: meant(one) };
      const got = recordedFor(expectations, cell) ?? '';
      const majors = places.get(got) ?? new Set();
      places.set(got, majors.add(version.split('.')[0] ?? ''));
    }
  }
  return [...places]
    .map(([got, majors]) => {
      const text = got === meant(one) ? EXACT : code(got);
      return majors.size === nodes.length ? text : `${text} in ${[...majors].join(', ')}`;
    })
    .join('; ');
}

/** Whether this V8 has one of the tiers. Node builds V8 with Maglev from V8 13 on. */
function hasAny(v8: string, tiers: readonly Tier[]): boolean {
  return tiers.some((tier) => tier !== 'maglev') || Number.parseInt(v8, 10) >= 13;
}

function ours(): string {
  const names = OUR_CASES.map(({ name }) => `\`${name}\``).join(', ');
  return `This package was exact in the same engines and tiers, in each of these cases (otherwise the build fails): ${names}.`;
}

/** Formats text as code in a cell of a table. */
function code(text: string): string {
  return `\`${text.replace(/\s+/g, ' ').replaceAll('|', '\\|')}\``;
}
