// SPDX-License-Identifier: MIT
// The tables of docs/benchmarks.md, from the JSON files of measured runs.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  conditionsLine,
  figure,
  parseReport,
  type Report,
  type Result,
} from '../../bench/report.js';
import { projectRoot } from '../../tools/paths.js';
import type { Generator } from './generator.js';

/** The files that `npm run bench` and `npm run bench:vm` wrote with `--json`. */
const RUNS = {
  'On the host': 'docs/benchmarks.json',
  'In the test machine': 'docs/benchmarks-vm.json',
} as const;

export const benchmarks: Generator = {
  measured: true,
  markdown() {
    return Object.entries(RUNS)
      .map(([title, file]) =>
        section(title, parseReport(readFileSync(join(projectRoot, file), 'utf8'))),
      )
      .join('\n\n');
  },
};

/** The table of a run, under its title. */
export function section(title: string, report: Report): string {
  return [
    `### ${title}`,
    '',
    `${conditionsLine(report)}.`,
    '',
    '| | what | p10 | p50 | p99 | | twin | its p50 | ratio | target | |',
    '| --- | --- | ---: | ---: | ---: | --- | --- | ---: | ---: | --- | --- |',
    ...report.results.map(row),
  ].join('\n');
}

function row({ name, what, p10, p50, p99, unit, twin, ratio, target }: Result): string {
  const cells = [
    `\`${name}\``,
    `\`${what.replaceAll('|', '\\|')}\``,
    figure(p10),
    figure(p50),
    figure(p99),
    unit,
    twin.what,
    figure(twin.p50),
    `${figure(ratio)}×`,
    target?.text ?? '',
    target === undefined ? '' : target.reached ? 'reached' : '**missed**',
  ];
  return `| ${cells.join(' | ')} |`;
}
