// SPDX-License-Identifier: MIT
// All tables of operations together.
import { adoptedOperations } from './adopted.js';
import { containerOperations } from './container.js';
import { deviceOperations } from './device.js';
import { interruptOperations } from './interrupts.js';
import { regionOperations } from './regions.js';
import type { Operations, Quiet, Scenario } from './scenario.js';
import { sysfsOperations } from './sysfs.js';

const tables: Operations = {
  ...containerOperations,
  ...deviceOperations,
  ...regionOperations,
  ...interruptOperations,
};

/** The names of the operations of all tables. */
export function operationsByTable(): string[] {
  return [tables, adoptedOperations, sysfsOperations].flatMap((table) => Object.keys(table)).sort();
}

const rows = Object.entries(tables).flatMap(([name, row]) =>
  [row].flat().map((one): [string, Quiet | Scenario] => [name, one as Quiet | Scenario]),
);

/** The operations that make system calls, with their titles. */
export function scenarios(): [string, Scenario][] {
  return rows.flatMap(([name, row]): [string, Scenario][] =>
    typeof row === 'function' ? [] : [[row.on === undefined ? name : `${name}, ${row.on}`, row]],
  );
}

/** The operations that make no system call. */
export function quietOperations(): [string, Quiet][] {
  return rows.flatMap(([name, row]): [string, Quiet][] =>
    typeof row === 'function' ? [[name, row]] : [],
  );
}
