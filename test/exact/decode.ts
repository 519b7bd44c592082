// SPDX-License-Identifier: MIT
// Decodes the instruction that made an access: its width, and whether it loads, stores or both.
import { type Does, type OpcodeMap, type Prefix, type Rule, ruleOf } from './opcodes.js';

export interface MemoryOperand {
  readonly does: Does;
  /** In bytes. For a repeated string instruction: of one repetition. */
  readonly width: number;
  /** The instruction reads and writes as one locked access: it has a `lock` prefix, or is `xchg`, which needs none. */
  readonly locked: boolean;
}

/** The information from the prefixes, REX, VEX and EVEX. */
interface Encoding {
  readonly map: OpcodeMap;
  readonly prefix: Prefix;
  readonly locked: boolean;
  /** REX.W */
  readonly wide: boolean;
  /** The operand size prefix, 66. */
  readonly short: boolean;
  /** The size of a vector register, in bytes. */
  readonly vector: number;
  /** The index of the opcode. */
  readonly at: number;
}

/** Opcodes without a ModRM byte: loads and stores of a fixed address (`mov` with moffs), and string instructions. */
const WITHOUT_MODRM = [0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf];
const LEGACY_PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3];
const PREFIX_OF_PP: readonly Prefix[] = ['', '66', 'f3', 'f2'];
const MAP_OF_VEX: Record<number, OpcodeMap> = { 1: '0f', 2: '0f38' };

/** Returns undefined if this is not a known instruction with a memory operand. `code` is hex. */
export function decode(code: string): MemoryOperand | undefined {
  const bytes = Buffer.from(code, 'hex');
  const encoding = encodingOf(bytes);
  if (encoding === undefined) return undefined;
  const opcode = bytes[encoding.at] ?? 0;
  const modrm = bytes[encoding.at + 1] ?? 0;
  const named = encoding.map !== '1' || !WITHOUT_MODRM.includes(opcode);
  // Both operands are registers, so this instruction did not make the access.
  if (named && modrm >> 6 === 3) return undefined;
  if (bytes.length < encoding.at + (named ? 2 : 1)) return undefined;
  const rule = ruleOf(encoding.map, encoding.prefix, opcode, (modrm >> 3) & 7);
  if (rule === undefined) return undefined;
  const exchanges = encoding.map === '1' && (opcode === 0x86 || opcode === 0x87);
  return { does: rule.does, width: widthOf(rule, encoding), locked: encoding.locked || exchanges };
}

function widthOf({ size }: Rule, { wide, short, vector, prefix }: Encoding): number {
  switch (size) {
    case 'b':
      return 1;
    case 'w':
      return 2;
    case 'd':
      return 4;
    case 'q':
      return 8;
    case 'y':
      return wide ? 8 : 4;
    case 'v':
      if (wide) return 8;
      return short ? 2 : 4;
    case 'x':
      return vector;
    case 'p':
      if (prefix === 'f3') return 4;
      return prefix === 'f2' ? 8 : vector;
  }
}

function encodingOf(bytes: Buffer): Encoding | undefined {
  let at = 0;
  while (LEGACY_PREFIXES.includes(bytes[at] ?? 0)) at++;
  const first = bytes[at];
  if (first === 0xc4 || first === 0xc5) return vex(bytes, at);
  if (first === 0x62) return evex(bytes, at);
  return legacy(bytes, at);
}

function legacy(bytes: Buffer, start: number): Encoding {
  const prefixes = [...bytes.subarray(0, start)];
  const rex = bytes[start] ?? 0;
  const hasRex = rex >> 4 === 4;
  let at = hasRex ? start + 1 : start;
  let map: OpcodeMap = '1';
  if (bytes[at] === 0x0f) {
    map = bytes[at + 1] === 0x38 ? '0f38' : '0f';
    at += map === '0f' ? 1 : 2;
  }
  const repeats = prefixes.findLast((one) => one === 0xf2 || one === 0xf3);
  const short = prefixes.includes(0x66);
  const prefix = (repeats?.toString(16) ?? (short ? '66' : '')) as Prefix;
  const wide = hasRex && (rex & 8) !== 0;
  return { map, prefix, locked: prefixes.includes(0xf0), wide, short, vector: 16, at };
}

/** VEX has two bytes (C5, R.vvvv.L.pp) or three (C4, RXB.map, W.vvvv.L.pp). */
function vex(bytes: Buffer, start: number): Encoding | undefined {
  const long = bytes[start] === 0xc4;
  const map = MAP_OF_VEX[long ? (bytes[start + 1] ?? 0) & 0x1f : 1];
  const last = bytes[start + (long ? 2 : 1)] ?? 0;
  if (map === undefined) return undefined;
  return {
    map,
    prefix: PREFIX_OF_PP[last & 3] ?? '',
    locked: false,
    wide: long && (last & 0x80) !== 0,
    short: false,
    vector: (last & 4) === 0 ? 16 : 32,
    at: start + (long ? 3 : 2),
  };
}

/**
 * EVEX has 62, then three bytes: …map, W.vvvv.1.pp, z.LL.b.V.aaa. With a mask or a broadcast, the width is not that of
 * the register, so the result is undefined.
 */
function evex(bytes: Buffer, start: number): Encoding | undefined {
  const [, first = 0, second = 0, third = 0] = bytes.subarray(start);
  const map = MAP_OF_VEX[first & 7];
  const length = (third >> 5) & 3;
  if (map === undefined || length === 3 || (third & 0x17) !== 0) return undefined;
  return {
    map,
    prefix: PREFIX_OF_PP[second & 3] ?? '',
    locked: false,
    wide: (second & 0x80) !== 0,
    short: false,
    vector: 16 << length,
    at: start + 4,
  };
}
