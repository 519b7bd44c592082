// SPDX-License-Identifier: MIT
// Outputs a report: the table, the JSON file and the charts. It also decides on the exit status.
import { writeFileSync } from 'node:fs';
import { type Report, reportJson } from './report.js';
import { reportText } from './table.js';
import { missed } from './targets.js';

export interface OutputOptions {
  readonly json?: string;
  readonly svg?: string;
}

/** Writes all outputs. Returns 1 if a target was missed, unless it was a quick run. */
export async function output(report: Report, { json, svg }: OutputOptions): Promise<0 | 1> {
  console.log(reportText(report));
  if (json !== undefined) writeFileSync(json, reportJson(report));
  if (svg !== undefined) {
    // The chart library is slow to load, so load it only for charts.
    const { writeCharts } = await import('./charts/write.js');
    await writeCharts(report, svg);
  }
  return report.quick || missed(report.results).length === 0 ? 0 : 1;
}
