// SPDX-License-Identifier: MIT
// The claims that the documents make about the source tree are true.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { callHints } from '../../lib/diagnose/call-hints.js';
import { argumentCodes, explainedErrnos, libraryCodes } from '../../lib/internal/error-codes.js';

const root = join(__dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

test.each([
  ['README.md', 'examples/first.ts'],
  ['docs/registers.md', 'examples/registers.ts'],
  ['docs/config-space.md', 'test/types/page-capabilities.ts'],
  ['docs/registers.md', 'test/types/page-structs.ts'],
  ['docs/registers.md', 'test/types/page-waiting.ts'],
  ['docs/registers.md', 'test/types/page-tracing.ts'],
  ['docs/nvme.md', 'test/types/page-nvme.ts'],
])('the snippet of %s is %s', (page, example) => {
  const [begin, end] = [`<!-- begin ${example} -->\n\`\`\`ts\n`, '```\n<!-- end'];
  const [, marked] = read(page).split(begin);
  const code = read(example).replace(/^(\/\/.*\n)+/, '');
  expect(marked?.split(end)[0]).toBe(code);
});

test('every npm script that README and CONTRIBUTING name is there', () => {
  const { scripts } = JSON.parse(read('package.json'));
  const text = read('README.md') + read('CONTRIBUTING.md');
  const named = [...text.matchAll(/npm run (?:-s )?([a-z0-9:-]+)/g)].map(
    ([, name]) => name as string,
  );
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
});

test('docs/errors.md explains every code, and none that there is not', () => {
  const headings = [...read('docs/errors.md').matchAll(/^## (E[A-Z_]+)$/gm)].map(
    ([, code]) => code,
  );
  const known = [...Object.keys(libraryCodes), ...argumentCodes, ...explainedErrnos];
  expect(headings.sort()).toEqual(known.sort());
  const rows = Object.values(callHints).flatMap((errnos) => Object.entries(errnos));
  const hints = rows.filter(([, row]) => typeof row === 'string' || 'hint' in row);
  expect(hints.filter(([errno]) => !known.includes(errno))).toEqual([]);
});

test('the links of docs/troubleshooting.md lead to headings', () => {
  const anchors = (page: string) =>
    [...read(`docs/${page}`).matchAll(/^##+ (.*)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^a-z_ ]/g, '')
        .replaceAll(' ', '-'),
    );
  const text = read('docs/troubleshooting.md');
  const links = [...text.matchAll(/\]\(([a-z-]+\.md)?#([^)]+)\)/g)];
  expect(links.length).toBeGreaterThan(10);
  const broken = links.filter(
    ([, page = 'troubleshooting.md', anchor = '']) => !anchors(page).includes(anchor),
  );
  expect(broken.map(([link]) => link)).toEqual([]);
});

test('every promise of docs/reliability.md has a test', () => {
  const rows = [...read('docs/reliability.md').matchAll(/^\| ([FS]\d+) \|.*\| (.*) \|$/gm)];
  expect(rows).toHaveLength(22 + 10);
  expect(rows.filter(([, , tests]) => tests === '').map(([, id]) => id)).toEqual([]);
});

test('a C++ twin of a benchmark is short, as docs/benchmarks.md says', () => {
  const folder = join(root, 'bench/twins');
  const twins = readdirSync(folder).filter((file) => file.endsWith('.cc'));
  // The addon that contains the twins, and the code that raises the signals for both sides.
  const others = ['module.cc', 'signals.cc'];
  for (const file of twins.filter((name) => !others.includes(name))) {
    const lines = readFileSync(join(folder, file), 'utf8').trimEnd().split('\n');
    expect([file, lines.length <= 60]).toEqual([file, true]);
  }
});
