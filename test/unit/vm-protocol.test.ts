// SPDX-License-Identifier: MIT
import { expect, test } from '@jest/globals';
import { encodeFrame, FrameReader } from '../../vm/frames.js';
import { formatKernelRecord, KernelLog, parseKernelRecord } from '../../vm/kernel-log.js';
import { splitArguments } from '../../vm/split-arguments.js';

test('frames arrive whole however the stream is cut', () => {
  const stream = Buffer.concat([
    encodeFrame(2, Buffer.from('hello')),
    encodeFrame(8, Buffer.alloc(0)),
    encodeFrame(3, Buffer.alloc(70_000, 'x')),
  ]);
  for (const size of [1, 7, 8, 9, 4096, stream.length]) {
    const seen: string[] = [];
    const reader = new FrameReader((kind, data) => seen.push(`${kind}:${data.length}`));
    for (let at = 0; at < stream.length; at += size) reader.push(stream.subarray(at, at + size));
    expect(seen).toEqual(['2:5', '8:0', '3:70000']);
  }
});

test('a record of the kernel log is read without its facility', () => {
  const record = parseKernelRecord('30,12,5140900,-;systemd: a;b');
  expect(record).toEqual({ level: 6, seconds: 5.1409, text: 'systemd: a;b' });
  expect(parseKernelRecord(' SUBSYSTEM=pci')).toBeUndefined();
});

test('a record of the kernel log is printed as dmesg does', () => {
  const record = { level: 6, seconds: 1.978922, text: 'clocksource: Switched' };
  expect(formatKernelRecord(record)).toBe('[    1.978922] clocksource: Switched');
});

test('the brief kernel log names the kernel, and has all since the boot', () => {
  const log = new KernelLog();
  log.push(Buffer.from('5,0,0,-;Linux version 7\n6,1,10,-;quiet\n3,2,20,-;odd\n SUBSYSTEM=x\n'));
  log.endOfBoot();
  log.push(Buffer.from('6,3,2500000,-;later\n'));
  expect(log.brief()).toBe('[    0.000000] Linux version 7\n[    2.500000] later\n');
  expect(log.toString()).toContain('quiet');
});

test.each([
  ['', []],
  ['  -device  edu\t-m 1G\n', ['-device', 'edu', '-m', '1G']],
  [`-a 'b c' "d 'e'" f\\ g`, ['-a', 'b c', "d 'e'", 'f g']],
  [`x'y z'"w" ''`, ['xy zw', '']],
  ['"a\\"b\\\\ \\n"', ['a"b\\ \\n']],
])('splits %j as a shell does', (text, expected) => {
  expect(splitArguments(text)).toEqual(expected);
});

test.each(["'", 'a "b', 'a \\'])('refuses %j, which is not finished', (text) => {
  expect(() => splitArguments(text)).toThrow(SyntaxError);
});
