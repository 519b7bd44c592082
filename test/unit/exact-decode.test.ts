// SPDX-License-Identifier: MIT
// Decoding of instructions: GNU as made the bytes from the text; the bytes after them must not matter.
import { expect, test } from '@jest/globals';
import { decode } from '../exact/decode.js';

const KNOWN: [text: string, code: string, does: string, width: number][] = [
  ['mov 0x4(%rdx),%eax', '8b4204', 'load', 4],
  ['mov (%r9,%r8,4),%r8d', '478b0481', 'load', 4],
  ['mov (%rdx),%rax', '488b02', 'load', 8],
  ['mov (%rdx),%ax', '668b02', 'load', 2],
  ['mov (%rdx),%al', '8a02', 'load', 1],
  ['movabs 0x1122334455667788,%eax', 'a18877665544332211', 'load', 4],
  ['movzbl (%rcx,%r11,1),%ecx', '420fb60c19', 'load', 1],
  ['movzwl (%r8,%rcx,1),%ecx', '410fb70c08', 'load', 2],
  ['movsbq (%rdx),%rax', '480fbe02', 'load', 1],
  ['movswl (%rdx),%eax', '0fbf02', 'load', 2],
  ['movslq (%rdx),%rax', '486302', 'load', 4],
  ['mov %ecx,(%rbx,%rax,1)', '890c03', 'store', 4],
  ['mov %r10,(%rdx)', '4c8912', 'store', 8],
  ['mov %ax,(%rdx)', '668902', 'store', 2],
  ['mov %r8b,(%rdx)', '448802', 'store', 1],
  ['movl $1,0x10(%rdx)', 'c7421001000000', 'store', 4],
  ['movq $1,(%rdx)', '48c70201000000', 'store', 8],
  ['movw $1,(%rdx)', '66c7020100', 'store', 2],
  ['movb $1,(%rdx)', 'c60201', 'store', 1],
  ['testb $1,(%r9,%r8,1)', '43f6040101', 'load', 1],
  ['testw $0x100,(%rdi)', '66f7070001', 'load', 2],
  ['testl $0x100,(%rdi)', 'f70700010000', 'load', 4],
  ['test %eax,(%rdi)', '8507', 'load', 4],
  ['cmpl $0,(%rdi,%r8,1)', '42833c0700', 'load', 4],
  ['cmpl $0x1000,(%rdi)', '813f00100000', 'load', 4],
  ['cmpw $1,(%rdi)', '66833f01', 'load', 2],
  ['cmpq $0,(%rdi)', '48833f00', 'load', 8],
  ['cmpb $1,(%rdi)', '803f01', 'load', 1],
  ['cmp %ecx,(%rdi)', '390f', 'load', 4],
  ['and (%rdi),%ecx', '230f', 'load', 4],
  ['imul (%rdi),%eax', '0faf07', 'load', 4],
  ['cmovne (%rdi),%rax', '480f4507', 'load', 8],
  ['setne (%rdi)', '0f9507', 'store', 1],
  ['add %ecx,(%rdi)', '010f', 'modify', 4],
  ['orl $4,(%rdi)', '830f04', 'modify', 4],
  ['incl (%rdi)', 'ff07', 'modify', 4],
  ['negl (%rdi)', 'f71f', 'modify', 4],
  ['cmpxchg %ecx,(%rdi)', '0fb10f', 'modify', 4],
  ['lock orl $4,(%rdi)', 'f0830f04', 'locked modify', 4],
  ['lock cmpxchg %ecx,(%rdi)', 'f00fb10f', 'locked modify', 4],
  ['lock cmpxchg %rcx,(%rdi)', 'f0480fb10f', 'locked modify', 8],
  ['lock xadd %ecx,(%rdi)', 'f00fc10f', 'locked modify', 4],
  ['xchg %r10d,(%rcx,%rax,1)', '44871401', 'locked modify', 4],
  ['xchg %rax,(%rdi)', '488707', 'locked modify', 8],
  ['xchg %al,(%rdi)', '8607', 'locked modify', 1],
  ['movups (%rdi),%xmm0', '0f1007', 'load', 16],
  ['movups %xmm0,(%rdi)', '0f1107', 'store', 16],
  ['movdqu %xmm1,(%rdi)', 'f30f7f0f', 'store', 16],
  ['movss (%rdi),%xmm0', 'f30f1007', 'load', 4],
  ['movsd %xmm0,(%rdi)', 'f20f1107', 'store', 8],
  ['movd (%rdi),%xmm0', '660f6e07', 'load', 4],
  ['movq (%rdi),%xmm0', 'f30f7e07', 'load', 8],
  ['movq %xmm0,(%rdi)', '660fd607', 'store', 8],
  ['cvtsi2sdl (%rdi),%xmm0', 'f20f2a07', 'load', 4],
  ['ucomisd (%rdi),%xmm0', '660f2e07', 'load', 8],
  ['vmovdqu (%rdi),%ymm0', 'c5fe6f07', 'load', 32],
  ['vmovdqu %xmm9,(%r10)', 'c4417a7f0a', 'store', 16],
  ['vmovss (%rdi),%xmm0', 'c5fa1007', 'load', 4],
  ['vmovsd %xmm0,(%rdi)', 'c5fb1107', 'store', 8],
  ['vcvtsi2sdl (%rdi),%xmm1,%xmm0', 'c5f32a07', 'load', 4],
  ['vpbroadcastd (%rdi),%ymm0', 'c4e27d5807', 'load', 4],
  ['vmovdqu64 %zmm16,(%rdi)', '62e1fe487f07', 'store', 64],
  ['vmovdqu8 %ymm16,(%rdi)', '62e17f287f07', 'store', 32],
  ['rep movsb', 'f3a4', 'move', 1],
  ['rep movsl', 'f3a5', 'move', 4],
  ['rep stosq', 'f348ab', 'store', 8],
];

test.each(KNOWN)('decodes %s', (_, code, does, width) => {
  const locked = does.startsWith('locked ');
  for (const rest of ['', '9090909090', 'ffffffffff']) {
    expect(decode(code + rest)).toEqual({ does: does.replace('locked ', ''), width, locked });
  }
});

test.each([
  ['nothing', ''],
  ['a prefix alone', 'f0'],
  ['an opcode without its operand', '8b'],
  ['a register in place of memory', '89c8'],
  ['lea, which touches nothing', '8d4204'],
  ['an unknown opcode', '0f0b'],
  ['a store under a mask, vmovdqu32 %zmm0,(%rdi){%k1}', '62f17e497f07'],
])('no guess: %s', (_, code) => {
  expect(decode(code)).toBeUndefined();
});
