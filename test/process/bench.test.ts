// SPDX-License-Identifier: MIT
// The benchmarks run, and print and write every result. The test does not check times: the machine may be busy.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parseReport, requiredNames } from '../../bench/report.js';

const root = join(__dirname, '../..');

test('a quick run writes a report with every name that has to be there', () => {
  const directory = mkdtempSync(join(tmpdir(), 'vfio-bench-'));
  try {
    const file = join(directory, 'report.json');
    const args = ['dist/bench/main.js', '--quick', '--json', file, '--svg', directory];
    const text = execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    const report = parseReport(readFileSync(file, 'utf8'));
    const names = report.results.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining([...requiredNames]));
    expect(new Set(names).size).toBe(names.length);
    for (const name of requiredNames) expect(text).toContain(`\n${name} `);
    for (const chart of ['access-cost', 'interrupt-latency']) {
      expect(readFileSync(join(directory, `${chart}.svg`), 'utf8')).toMatch(/^<svg /);
    }
    // All targets are ratios: an absolute time would depend on how busy the machine is.
    const targets = report.results.flatMap(({ target }) => target?.text.split(', ') ?? []);
    expect(targets.filter((text) => !/^(p\d\d )?≤ [\d.]+×$/.test(text))).toEqual([]);
    // The compiler has not removed the loops of the C++ twins.
    const gone = report.results.filter(({ unit, twin }) => unit === 'ns' && twin.p50 < 0.05);
    expect(gone).toEqual([]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('what it cannot compare is said in a line', () => {
  const compare = (...files: string[]) =>
    spawnSync(process.execPath, ['dist/bench/main.js', '--compare', ...files], {
      cwd: root,
      encoding: 'utf8',
    });
  const { status, stderr } = compare('package.json', 'none.json');
  expect(status).toBe(2);
  expect(stderr).toBe(
    'bench: cannot read the report package.json: not a vfio.bench/1 report: its schema is undefined, it must be vfio.bench/1\n',
  );
  expect(compare('package.json').stderr).toBe(
    'bench: --compare takes two files: --compare BEFORE.json AFTER.json\n',
  );
});

test('a report compared with itself shows no regression', () => {
  const args = ['dist/bench/main.js', '--compare', 'docs/benchmarks.json', 'docs/benchmarks.json'];
  const text = execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  expect(text).toMatch(/^bar\.read32 .* 0 % /m);
});
