// SPDX-License-Identifier: MIT
// Which cells have to be exact. All of ours have to, and those of plain stores that the doorbell's fast path stands
// on: a typed-array store where the engine was proved to make exact ones. The table of proved engines is
// lib/internal/doorbells.ts; this holds it to what is executed. An engine that is not in it takes the slow way, which
// has to be exact like everything of ours, and is named when its stores would do.
import { storesAreExact } from '../../lib/internal/doorbells.js';
import type { Cell, MatrixCell } from './cells.js';
import { PLAIN_CASES } from './plain-cases.js';

/** Whether the library trusts plain stores of a line of V8. */
export type Trusts = (v8: string) => boolean;

export const trustsStores: Trusts = (v8) =>
  storesAreExact('x64', { ...process.versions, v8: `${v8}.0` });

type Judged = Pick<MatrixCell, 'subject' | 'case' | 'v8'>;

const DOORBELL = new Set(PLAIN_CASES.filter(({ doorbell }) => doorbell).map(({ name }) => name));

function isDoorbell({ subject, case: name }: Judged): boolean {
  return subject === 'plain' && DOORBELL.has(name);
}

export function mustBeExact(cell: Judged, trusts: Trusts): boolean {
  return cell.subject === 'ours' || (isDoorbell(cell) && trusts(cell.v8));
}

/** The lines of V8 whose stores were all exact here, and that the table does not have. */
export function unlistedEngines(cells: readonly Cell[], trusts: Trusts): string[] {
  const seen = cells.filter(isDoorbell);
  const engines = [...new Set(seen.map(({ v8 }) => v8))];
  return engines.filter((v8) => !trusts(v8) && seen.every((cell) => cell.v8 !== v8 || cell.ok));
}
