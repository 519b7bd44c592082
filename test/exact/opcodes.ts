// SPDX-License-Identifier: MIT
// What x86-64 instructions do to their memory operand. The table has the instructions that compilers emit to access
// data, in the opcode maps of the Intel manual (volume 2, appendix A). An instruction without a row is unknown, and
// never guessed.

/** `move`: a string instruction with a memory operand on both sides. */
export type Does = 'load' | 'store' | 'modify' | 'move';

/**
 * The manual's letters for the size of an operand. b, w, d, q: 1, 2, 4, 8 bytes; v: 2, 4 or 8 by prefix; y: 4, or 8
 * with REX.W; x: a vector register; p: a vector, or with prefix F3 or F2 one float or double of it.
 */
export type Size = 'b' | 'w' | 'd' | 'q' | 'v' | 'y' | 'x' | 'p';

export interface Rule {
  readonly does: Does;
  readonly size: Size;
}

/** The prefix that selects a row: the last of F3 and F2, otherwise 66. */
export type Prefix = '' | '66' | 'f3' | 'f2';

/** 1: no escape byte; 0F: after that byte, and VEX map 1; 0F38: VEX map 2. */
export type OpcodeMap = '1' | '0f' | '0f38';

const rules = new Map<string, Rule>();

/** Returns the rule of an opcode. In some opcodes, `reg` (bits 3 to 5 of ModRM) is a part of the opcode. */
export function ruleOf(map: OpcodeMap, prefix: Prefix, opcode: number, reg: number) {
  const key = `${map} ${opcode}`;
  return (
    rules.get(key) ??
    rules.get(`${key} ${prefix}`) ??
    rules.get(`${key} /${reg}`) ??
    rules.get(`${key} ${prefix} /${reg}`)
  );
}

/** Adds rules. `opcodes` is hex text, with a dash for a range. `also` limits the rules to a prefix or a `reg`. */
function add(map: OpcodeMap, does: Does, size: Size, opcodes: string, ...also: string[]): void {
  for (const part of opcodes.split(' ')) {
    const [first = 0, last = first] = part.split('-').map((text) => Number.parseInt(text, 16));
    for (let opcode = first; opcode <= last; opcode++) {
      if (also.length === 0) rules.set(`${map} ${opcode}`, { does, size });
      for (const one of also) rules.set(`${map} ${opcode} ${one}`, { does, size });
    }
  }
}

// add or adc sbb and sub xor: 00/01 … modify memory, 02/03 … read it. cmp only reads.
for (const opcode of [0x00, 0x08, 0x10, 0x18, 0x20, 0x28, 0x30]) {
  add('1', 'modify', 'b', opcode.toString(16));
  add('1', 'modify', 'v', (opcode + 1).toString(16));
  add('1', 'load', 'b', (opcode + 2).toString(16));
  add('1', 'load', 'v', (opcode + 3).toString(16));
}
add('1', 'load', 'b', '38 3a 84 8a a0'); // cmp test mov
add('1', 'load', 'v', '39 3b 85 8b a1 69 6b'); // and imul
add('1', 'load', 'd', '63'); // movsxd
add('1', 'store', 'b', '88 a2 c6 aa'); // mov stos
add('1', 'store', 'v', '89 a3 c7 ab');
add('1', 'modify', 'b', '86 fe c0 d0 d2'); // xchg inc dec shifts
add('1', 'modify', 'v', '87 c1 d1 d3');
add('1', 'modify', 'b', '80', ...['/0', '/1', '/2', '/3', '/4', '/5', '/6']);
add('1', 'modify', 'v', '81 83', ...['/0', '/1', '/2', '/3', '/4', '/5', '/6']);
add('1', 'load', 'b', '80', '/7'); // cmp with a constant
add('1', 'load', 'v', '81 83', '/7');
add('1', 'load', 'b', 'f6', '/0', '/4', '/5', '/6', '/7'); // test mul div
add('1', 'load', 'v', 'f7', '/0', '/4', '/5', '/6', '/7');
add('1', 'modify', 'b', 'f6', '/2', '/3'); // not neg
add('1', 'modify', 'v', 'f7', '/2', '/3');
add('1', 'modify', 'v', 'ff', '/0', '/1'); // inc dec
add('1', 'load', 'q', 'ff', '/2', '/4', '/6'); // call jmp push
add('1', 'move', 'b', 'a4'); // movs
add('1', 'move', 'v', 'a5');
add('1', 'load', 'b', 'ac ae'); // lods scas
add('1', 'load', 'v', 'ad af');

add('0f', 'load', 'b', 'b6 be'); // movzx movsx
add('0f', 'load', 'w', 'b7 bf');
add('0f', 'load', 'v', '40-4f af a3 bc bd'); // cmov imul bt bsf bsr
add('0f', 'load', 'v', 'b8', 'f3'); // popcnt
add('0f', 'load', 'v', 'ba', '/4'); // bt
add('0f', 'modify', 'v', 'ba', '/5', '/6', '/7'); // bts btr btc
add('0f', 'modify', 'v', 'ab b3 bb a4 a5 ac ad b1 c1'); // bts btr btc shld shrd cmpxchg xadd
add('0f', 'modify', 'b', 'b0 c0');
add('0f', 'store', 'b', '90-9f'); // setcc
add('0f', 'store', 'y', 'c3', ''); // movnti

add('0f', 'load', 'p', '10 51 58 59 5c-5f'); // movups movss …; sqrt add mul sub min div max
add('0f', 'store', 'p', '11');
add('0f', 'load', 'x', '52-57 14 15 c2 c6', '', '66'); // rsqrt and or xor, unpck, cmp, shuf
add('0f', 'load', 'p', 'c2', 'f3', 'f2');
add('0f', 'load', 'q', '12 16', '', '66'); // movlps movhps
add('0f', 'load', 'q', '12', 'f2'); // movddup
add('0f', 'load', 'x', '12 16', 'f3');
add('0f', 'store', 'q', '13 17', '', '66');
add('0f', 'load', 'x', '28', '', '66'); // movaps
add('0f', 'store', 'x', '29 2b', '', '66'); // movaps movntps
add('0f', 'load', 'y', '2a', 'f3', 'f2'); // cvtsi2ss cvtsi2sd
add('0f', 'load', 'p', '2c 2d', 'f3', 'f2'); // cvttss2si cvttsd2si
add('0f', 'load', 'd', '2e 2f', ''); // ucomiss
add('0f', 'load', 'q', '2e 2f', '66');
add('0f', 'load', 'q', '5a', '', 'f2'); // cvtps2pd cvtsd2ss
add('0f', 'load', 'x', '5a', '66');
add('0f', 'load', 'd', '5a', 'f3');
add('0f', 'load', 'x', '5b', '', '66', 'f3');
add('0f', 'load', 'y', '6e', '66'); // movd movq
add('0f', 'store', 'y', '7e', '66');
add('0f', 'load', 'q', '7e', 'f3');
add('0f', 'store', 'q', 'd6', '66');
add('0f', 'load', 'x', '6f', '66', 'f3', 'f2'); // movdqa movdqu
add('0f', 'store', 'x', '7f', '66', 'f3', 'f2');
add('0f', 'store', 'x', 'e7', '66'); // movntdq
add('0f', 'load', 'x', 'f0', 'f2'); // lddqu
add('0f', 'load', 'x', '60-6d 74-76 d4 d5 d8-df e0 e3-e5 e8-ef f4 f5 fa-fe', '66'); // integers

add('0f38', 'load', 'd', '18 58', '66'); // vbroadcast
add('0f38', 'load', 'q', '19 59', '66');
add('0f38', 'load', 'b', '78', '66');
add('0f38', 'load', 'w', '79', '66');
add('0f38', 'load', 'x', '2a', '66'); // vmovntdqa
