// SPDX-License-Identifier: MIT
// The trap test fails when an access is not exact, here with a plain typed array in place of the library.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from '@jest/globals';
import { runningNode } from '../../tools/node-versions.js';
import { cellOf } from '../exact/cells.js';
import { unsupported } from '../exact/exactness.js';
import { OUR_CASES } from '../exact/our-cases.js';
import { runChild } from '../exact/run-child.js';
import { testIf } from '../support/skips.js';

const program = fileURLToPath(new URL('../../dist/test/exact/main.js', import.meta.url));
const test = testIf(unsupported() === undefined, String(unsupported()));

interface Ended {
  status: number;
  lines: string[];
}

function run(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], (error, stdout) =>
      resolve({ status: Number(error?.code ?? 0), lines: stdout.trimEnd().split('\n') }),
    );
  });
}

test('an exact access passes, in each tier', async () => {
  const { status, lines } = await run('--name', '^write32$');
  expect(status).toBe(0);
  const node = process.versions.node.split('.')[0];
  expect(lines).toContain(
    `node=${node} tier=turbofan case=write32 expected=W4@0x10,R4@0x10 got=W4@0x10,R4@0x10 ok`,
  );
  expect(lines.at(-1)).toMatch(/^[5-9] passed, 0 failed, 0 skipped$/);
});

test('a plain typed array in its place fails, and what was executed is printed', async () => {
  const { status, lines } = await run('--name', '^read32-bit$', '--break', 'read32-bit');
  expect(status).toBe(1);
  const failed = lines.findIndex((line) => line.includes('tier=turbofan'));
  expect(lines[failed]).toMatch(/expected=R4@0x10 got=R1@0x10 FAILED$/);
  expect(lines[failed + 1]).toBe('    executed R1@0x10, but expected R4@0x10');
  // The instruction is: test byte [mem], 1
  expect(lines[failed + 2]).toMatch(/^ {4}R1@0x10 {3}(4[0-9a-f] )?f6 /);
});

test('each case can fail: none is exact without the library', async () => {
  const node = await runningNode();
  const exact: string[] = [];
  const broken = OUR_CASES.map((one) => ({ ...one, body: one.plain }));
  await runChild(node, 'turbofan', broken, (one, report) => {
    const { ok, got } = cellOf(node, 'turbofan', 'ours', one, report);
    if (ok || got === '?') exact.push(`${one.name}: ${got}`);
  });
  expect(exact).toEqual([]);
});

test('a case that throws, and those that a crash reaches, fail with the reason', async () => {
  const cases = [
    { name: 'fine', body: 'bar.read32(0)', expected: 'R4' },
    { name: 'throws', body: 'bar.read32(1)', expected: 'R4' },
    { name: 'dies', body: 'process.abort()', expected: '-' },
    { name: 'is never run', body: '', expected: '-' },
  ];
  const node = await runningNode();
  const reasons: string[] = [];
  await runChild(node, 'ignition', cases, (one, report) => {
    reasons.push(cellOf(node, 'ignition', 'ours', one, report).reason);
  });
  expect(reasons).toEqual([
    '',
    expect.stringContaining('Expected a multiple of 4'),
    expect.stringContaining('its process ended with SIGABRT'),
    expect.stringContaining('its process ended with SIGABRT'),
  ]);
});

test('a case that is not there is refused', async () => {
  expect((await run('--break', 'read33')).status).toBe(1);
});
