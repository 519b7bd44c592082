// SPDX-License-Identifier: MIT
import { expect, test } from '@jest/globals';
import { relevantPart, withNames } from '../harness/reports.js';

const header = '=====\n==1==ERROR: LeakSanitizer: detected memory leaks\n\n';
const footer = '\n\nSUMMARY: AddressSanitizer: 8 byte(s) leaked in 1 allocation(s).\n';

/** The report of a leak. `modules` are the modules on the stack of the allocation, the innermost first. */
function leak(...modules: string[]): string {
  const frames = ['/usr/lib/libasan.so.8', ...modules].map(
    (module, index) => `    #${index} 0x7f00${index}  (${module}+0x1234)`,
  );
  return ['Direct leak of 8 byte(s) in 1 object(s) allocated from:', ...frames].join('\n');
}

const ours = '/a/build/asan/Debug/vfio_testing.node';
const node = '/usr/bin/node';

test.each([
  ['our code allocated', [ours, node]],
  ['a function of Node-API allocated for our code', [node, ours, node]],
  ['a native test allocated', ['/a/build/asan/vfio_native_tests']],
])('what %s is a leak of ours', (_, modules) => {
  expect(relevantPart(header + leak(...modules) + footer)).toBe(leak(...modules));
});

test.each([
  ['Node allocated on its way back to our code', [node, node, node, ours]],
  ['another program allocated', ['/usr/bin/tail']],
  ['another addon allocated', [node, '/a/node_modules/other/other.node']],
])('what %s is none', (_, modules) => {
  expect(relevantPart(header + leak(...modules) + footer)).toBe('');
});

test('our leak is found among those of others', () => {
  const all = [leak(node), leak(node, ours), leak('/bin/ls')].join('\n\n');
  expect(relevantPart(header + all + footer)).toBe(leak(node, ours));
});

const busDeath = `==7== 
==7== Process terminating with default action of signal 7 (SIGBUS)
==7==  Non-existent physical address at address 0x4852000
==7==    at 0x1804B6: fault(Page const&) (guarded_test.cc:94)
`;

test('a death by SIGBUS is none of memcheck’s business, what it found before is', () => {
  expect(relevantPart(busDeath)).toBe('');
  const report = `==7== Invalid read of size 8\n==7==    at 0x1804B6: f() (f.cc:1)\n${busDeath}`;
  expect(relevantPart(report)).toBe(report.trim());
  const crash = busDeath.replace('signal 7 (SIGBUS)', 'signal 11 (SIGSEGV)');
  expect(relevantPart(crash)).toBe(crash.trim());
});

test('any other report counts, whatever it is about', () => {
  const report = `==1==ERROR: AddressSanitizer: heap-use-after-free\n    #0 0x1  (${node}+0x12)\n`;
  expect(relevantPart(report)).toBe(report.trim());
});

test('an address in a binary that is gone stays as it is', () => {
  expect(withNames(leak(ours))).toBe(leak(ours));
});
