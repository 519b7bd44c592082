// SPDX-License-Identifier: MIT
// Writes and reads accesses as text: `R4@0x1000 W4x3@0x1004 R1@dma:0x8`, and `-` for none.
//   R4        a read of 4 bytes at offset 0 of the BAR (W: a write)
//   M4        a read and a write by one instruction; L4: the same, locked
//   @0x10     the offset; @dma:0x10 is in the DMA buffer, @wasm:0x10 in a WebAssembly.Memory
//   R4x3@…    the same access three times; R4x3@0x10+ is three in a row, at 0x10, 0x14 and 0x18
import { decode } from './decode.js';

/** The watched pages. The notation omits the name of the first. */
export const PAGES = ['bar', 'dma', 'wasm'] as const;
export type Page = (typeof PAGES)[number];

export type Kind = 'R' | 'W' | 'M' | 'L';

export interface Access {
  readonly kind: Kind;
  /** In bytes. */
  readonly width: number;
  readonly page: Page;
  readonly offset: number;
}

const TOKEN =
  /^(?<kind>[RWML])(?<width>\d+)(x(?<count>\d+))?(@((?<page>[a-z]+):)?(?<offset>0x[0-9a-f]+))?(?<ascending>\+)?$/;

/** Throws if the text is not in this notation. */
export function parseAccesses(text: string): Access[] {
  if (text === '-') return [];
  return text.split(' ').flatMap(parseToken);
}

function parseToken(token: string): Access[] {
  const groups = TOKEN.exec(token)?.groups;
  const page = PAGES.find((one) => one === (groups?.page ?? 'bar'));
  if (groups === undefined || page === undefined) throw new Error(`"${token}" is not an access`);
  const width = Number(groups.width);
  const offset = Number(groups.offset ?? 0);
  const step = groups.ascending === undefined ? 0 : width;
  return Array.from({ length: Number(groups.count ?? 1) }, (_, index) => ({
    kind: groups.kind as Kind,
    width,
    page,
    offset: offset + index * step,
  }));
}

export function formatAccesses(accesses: readonly Access[]): string {
  const tokens: string[] = [];
  for (let at = 0; at < accesses.length; ) {
    const run = longestRun(accesses.slice(at));
    tokens.push(formatRun(accesses[at] as Access, run));
    at += run.count;
  }
  return tokens.join(' ') || '-';
}

interface Run {
  readonly count: number;
  readonly ascending: boolean;
}

/** Returns how many of the first accesses fit into one token. */
function longestRun(accesses: readonly Access[]): Run {
  const same = runLength(accesses, 0);
  const ascending = runLength(accesses, accesses[0]?.width ?? 0);
  return same >= ascending || ascending < 3
    ? { count: same, ascending: false }
    : { count: ascending, ascending: true };
}

function runLength(accesses: readonly Access[], step: number): number {
  const [first] = accesses;
  const end = accesses.findIndex(
    (one, index) =>
      one.kind !== first?.kind ||
      one.width !== first.width ||
      one.page !== first.page ||
      one.offset !== first.offset + index * step,
  );
  return end === -1 ? accesses.length : end;
}

function formatRun({ kind, width, page, offset }: Access, { count, ascending }: Run): string {
  const times = count === 1 ? '' : `x${count}`;
  const where = `${page === 'bar' ? '' : `${page}:`}0x${offset.toString(16)}`;
  const place = where === '0x0' && !ascending ? '' : `@${where}`;
  return `${kind}${width}${times}${place}${ascending ? '+' : ''}`;
}

/** An access as the trap records it, before its instruction is decoded. */
export interface Trapped {
  readonly page: Page;
  readonly offset: number;
  readonly write: boolean;
  /** The instruction and the bytes that follow, in hex. */
  readonly code: string;
}

/** Returns undefined if the instruction is unknown or cannot have made the access. */
export function accessOf({ page, offset, write, code }: Trapped): Access | undefined {
  const operand = decode(code);
  if (operand === undefined || operand.does === (write ? 'load' : 'store')) return undefined;
  const { does, width, locked } = operand;
  if (does === 'modify') return { kind: locked ? 'L' : 'M', width, page, offset };
  return { kind: write ? 'W' : 'R', width, page, offset };
}
