// SPDX-License-Identifier: MIT
// The report of a run: its JSON form (schema vfio.bench/1), and how its conditions and figures are written.
import type { Distribution } from '../tools/statistics.js';

export type Unit = 'ns' | 'µs' | 'ms';

export interface Report {
  readonly schema: 'vfio.bench/1';
  /** The conditions of the run. */
  readonly machine: Machine;
  /** The commit of the library, with `+` if the checkout had uncommitted changes. */
  readonly commit: string;
  /** The run had too few rounds to judge its times. */
  readonly quick: boolean;
  readonly results: readonly Result[];
}

export interface Machine {
  readonly cpu: string;
  readonly processors: number;
  /** `memory` means that BARs are memfds. Any other value says how the library reached the device. */
  readonly backend: string;
  readonly emulated: boolean;
  readonly kernel: string;
  readonly node: string;
  readonly v8: string;
  /** Whether threads were bound to processors. */
  readonly pinned: boolean;
  /** The load average of the minute before the run. */
  readonly load: number;
  readonly date: string;
}

export interface Result extends Distribution {
  readonly name: string;
  readonly unit: Unit;
  /** The timed code. */
  readonly what: string;
  readonly twin: Twin;
  /** The median of this result, divided by the median of its twin. */
  readonly ratio: number;
  /** Further numbers of the result, by name. */
  readonly facts?: Readonly<Record<string, number>>;
  /** The percentiles 1 to 99, if the shape of the distribution matters. */
  readonly curve?: readonly number[];
  readonly target?: { readonly text: string; readonly reached: boolean };
}

/** The code that the result is compared with. The two are measured in turns. */
export interface Twin extends Distribution {
  readonly what: string;
  readonly curve?: readonly number[];
}

/** The results that every report of a run on the host must have. */
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

/** A report as the text of a file. Each result is one line, so that people can compare two files line by line. */
export function reportJson({ results, ...head }: Report): string {
  const lines = results.map((result) => `    ${JSON.stringify(result)}`);
  const start = JSON.stringify(head, undefined, 2).replace(/\n}$/, ',');
  return `${start}\n  "results": [\n${lines.join(',\n')}\n  ]\n}\n`;
}

/** The conditions in one line. */
export function conditionsLine({ machine, commit, quick }: Report): string {
  return [
    `commit ${commit}`,
    `Node ${machine.node} (V8 ${machine.v8})`,
    `Linux ${machine.kernel}`,
    `${machine.processors} × ${machine.cpu}${machine.emulated ? ', emulated' : ''}`,
    where(machine),
    machine.pinned ? 'threads bound to processors' : 'threads not bound to processors',
    `load ${figure(machine.load)}`,
    ...(quick ? ['quick: too few rounds to judge'] : []),
  ].join(', ');
}

function where({ backend }: Machine): string {
  return backend === 'memory' ? 'a mapped memfd as BAR' : `real BARs over ${backend}`;
}

/** At most three significant figures. Whole numbers stay whole. */
export function figure(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 100) return Math.round(value).toString();
  return Number(value.toPrecision(3)).toString();
}

/** Parses a report. Throws an error that says what is wrong with it. */
export function parseReport(text: string): Report {
  const report = JSON.parse(text) as Report;
  check(
    report?.schema === 'vfio.bench/1',
    `its schema is ${report?.schema}, it must be vfio.bench/1`,
  );
  check(typeof report.machine === 'object', 'machine is missing');
  check(typeof report.commit === 'string', 'commit is missing');
  check(Array.isArray(report.results), 'results is not an array');
  report.results.forEach(checkResult);
  return report;
}

function checkResult(result: Result, index: number): void {
  const { name, unit, ratio, twin } = result;
  const where = `results[${index}] (${name})`;
  check(typeof name === 'string' && name !== '', `${where}: name is missing`);
  check(
    ['ns', 'µs', 'ms'].includes(unit),
    `${where}: the unit is ${unit}, it must be ns, µs or ms`,
  );
  check(Number.isFinite(ratio), `${where}: ratio is missing or not a number`);
  checkDistribution(where, result);
  checkDistribution(`${where}: twin`, twin);
}

function checkDistribution(where: string, distribution: Distribution): void {
  for (const name of figures) {
    check(Number.isFinite(distribution?.[name]), `${where}: ${name} is missing or not a number`);
  }
}

function check(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(`not a vfio.bench/1 report: ${otherwise}`);
}
