// SPDX-License-Identifier: MIT
// Decides which cells must be exact: all of the library's, and the plain stores that doorbells depend on. The fast path
// of a doorbell is a typed-array store, on engines that were proved to make exact ones. Their table is
// lib/internal/direct-memory.ts; this test checks the table against the executed accesses. On other engines, doorbells take
// the slow path, which must be exact like everything of the library. If the stores of such an engine are exact, the
// test names it.
import { storesAreExact } from '../../lib/internal/direct-memory.js';
import type { Cell, MatrixCell } from './cells.js';
import { PLAIN_CASES } from './plain-cases.js';

/** Whether the library trusts the plain stores of a version of V8. */
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

/** The versions of V8 whose stores were all exact in this run, but which are not in the table. */
export function unlistedEngines(cells: readonly Cell[], trusts: Trusts): string[] {
  const seen = cells.filter(isDoorbell);
  const engines = [...new Set(seen.map(({ v8 }) => v8))];
  return engines.filter((v8) => !trusts(v8) && seen.every((cell) => cell.v8 !== v8 || cell.ok));
}
