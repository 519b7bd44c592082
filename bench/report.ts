// SPDX-License-Identifier: MIT
// The report of a run and its JSON form, schema vfio.bench/1.
import type { Distribution } from '../tools/statistics.js';

export type Unit = 'ns' | 'µs' | 'ms';

export interface Report {
  readonly schema: 'vfio.bench/1';
  /** Under what conditions. */
  readonly machine: Machine;
  /** Of the library; with `+` behind it where the checkout had changes. */
  readonly commit: string;
  /** Too few rounds for anything but a look. */
  readonly quick: boolean;
  readonly results: readonly Result[];
}

export interface Machine {
  readonly cpu: string;
  readonly processors: number;
  /** `memory`: a memfd in the place of a BAR; else how the library reached the device. */
  readonly backend: string;
  readonly emulated: boolean;
  readonly kernel: string;
  readonly node: string;
  readonly v8: string;
  /** Whether threads were bound to processors. */
  readonly pinned: boolean;
  /** Runnable threads beside ours, the average of the minute before. */
  readonly load: number;
  readonly date: string;
}

export interface Result extends Distribution {
  readonly name: string;
  readonly unit: Unit;
  /** What was timed. */
  readonly what: string;
  readonly twin: Twin;
  /** Of the medians, ours to the twin's. */
  readonly ratio: number;
  /** Further numbers of it, by name. */
  readonly facts?: Readonly<Record<string, number>>;
  /** Percentiles 1 to 99, where the shape matters. */
  readonly curve?: readonly number[];
  readonly target?: { readonly text: string; readonly reached: boolean };
}

/** What the result is compared with, measured in turns with it. */
export interface Twin extends Distribution {
  readonly what: string;
  readonly curve?: readonly number[];
}

/** What a report of a run on the host has at least. */
export const requiredNames = [
  'bar.read32',
  'bar.write32',
  'bar.batch16',
  'doorbell',
  'regs.field',
  'irq.main',
  'irq.worker',
  'irq.waitSync',
  'irq.storm',
  'dma.map1g',
  'import',
] as const;

const figures = ['n', 'min', 'p10', 'p50', 'p90', 'p99', 'max'] as const;

/** A report as a file has it: a line for each result, so that two files can be read beside each other. */
export function reportJson({ results, ...head }: Report): string {
  const lines = results.map((result) => `    ${JSON.stringify(result)}`);
  const start = JSON.stringify(head, undefined, 2).replace(/\n}$/, ',');
  return `${start}\n  "results": [\n${lines.join(',\n')}\n  ]\n}\n`;
}

/** Reads a report back; throws with what is wrong with it. */
export function parseReport(text: string): Report {
  const report = JSON.parse(text) as Report;
  check(report?.schema === 'vfio.bench/1', `schema is ${report?.schema}, not vfio.bench/1`);
  check(typeof report.machine === 'object', 'machine is missing');
  check(typeof report.commit === 'string', 'commit is missing');
  check(Array.isArray(report.results), 'results is no array');
  report.results.forEach(checkResult);
  return report;
}

function checkResult(result: Result, index: number): void {
  const { name, unit, ratio, twin } = result;
  const where = `results[${index}] (${name})`;
  check(typeof name === 'string' && name !== '', `${where}: no name`);
  check(['ns', 'µs', 'ms'].includes(unit), `${where}: the unit is ${unit}`);
  check(Number.isFinite(ratio), `${where}: no ratio`);
  checkDistribution(where, result);
  checkDistribution(`${where}: twin`, twin);
}

function checkDistribution(where: string, distribution: Distribution): void {
  for (const figure of figures) {
    check(Number.isFinite(distribution?.[figure]), `${where}: no ${figure}`);
  }
}

function check(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(`Not a vfio.bench/1 report: ${otherwise}`);
}
