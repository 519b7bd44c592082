// SPDX-License-Identifier: MIT
// Puts out a report: the table, the JSON file, the charts and the exit status.
import { writeFileSync } from 'node:fs';
import { type Report, reportJson } from './report.js';
import { reportText } from './table.js';
import { missed } from './targets.js';

export interface OutputOptions {
  readonly json?: string;
  readonly svg?: string;
}

/** Writes it all; 1 when a target was missed, unless it was a quick run. */
export async function output(report: Report, { json, svg }: OutputOptions): Promise<0 | 1> {
  console.log(reportText(report));
  if (json !== undefined) writeFileSync(json, reportJson(report));
  if (svg !== undefined) {
    // Only who wants pictures waits for the library to load.
    const { writeCharts } = await import('./charts/write.js');
    await writeCharts(report, svg);
  }
  return report.quick || missed(report.results).length === 0 ? 0 : 1;
}
