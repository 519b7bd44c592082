// SPDX-License-Identifier: MIT
import { expect, test } from '@jest/globals';
import { cpio, cpioFile } from '../../vm/cpio.js';
import { encodeJob } from '../../vm/job.js';

/** Reads an archive as the kernel does. */
function readCpio(archive: Buffer): { path: string; mode: number; data: string }[] {
  const entries = [];
  for (let at = 0; at < archive.length; ) {
    const field = (index: number) =>
      Number.parseInt(archive.toString('latin1', at + 6 + 8 * index, at + 14 + 8 * index), 16);
    expect(archive.toString('latin1', at, at + 6)).toBe('070701');
    const nameEnd = at + 110 + field(11);
    const dataStart = (nameEnd + 3) & ~3;
    const dataEnd = dataStart + field(6);
    const path = archive.toString('utf8', at + 110, nameEnd - 1);
    entries.push({ path, mode: field(1), data: archive.toString('utf8', dataStart, dataEnd) });
    at = (dataEnd + 3) & ~3;
  }
  return entries;
}

test('an archive has each directory once, before what is in it', () => {
  const archive = cpio([
    cpioFile('a/b/one', Buffer.from('1')),
    cpioFile('a/b/two', Buffer.from('22')),
  ]);
  const paths = readCpio(archive).map((entry) => entry.path);
  expect(paths).toEqual(['a', 'a/b', 'a/b/one', 'a/b/two', 'TRAILER!!!']);
});

test('an archive keeps contents of every length and permissions', () => {
  const contents = ['', '1', '22', '333', '4444', '55555'];
  const archive = cpio(contents.map((text, i) => cpioFile(`f${i}`, Buffer.from(text), 0o750)));
  const files = readCpio(archive).slice(0, -1);
  expect(files.map((file) => file.data)).toEqual(contents);
  expect(files.map((file) => file.mode)).toEqual(contents.map(() => 0o100750));
});

const job = { images: [], binds: [], trees: [], prepare: [], env: {}, cwd: '/x', user: 7 };

test('a job is keys and values in turn, each ended by NUL', () => {
  const bytes = encodeJob({
    ...job,
    command: ['echo', ''],
    env: { A: 'b=c' },
    binds: [['/f', '/t']],
  });
  const expected = [
    'bind',
    '/f',
    'bind',
    '/t',
    'arg',
    'echo',
    'arg',
    '',
    'env',
    'A=b=c',
    'cwd',
    '/x',
    'uid',
    '7',
  ];
  expect(bytes.toString()).toBe(expected.map((text) => `${text}\0`).join(''));
});

test('a NUL byte in an argument is refused', () => {
  expect(() => encodeJob({ ...job, command: ['a\0b'] })).toThrow(TypeError);
});
