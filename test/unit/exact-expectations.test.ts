// SPDX-License-Identifier: MIT
import { describe, expect, test } from '@jest/globals';
import type { Cell } from '../exact/cells.js';
import { changes, readExpectations, record } from '../exact/expectations.js';
import { mustBeExact, unlistedEngines } from '../exact/judgement.js';
import { OUR_CASES } from '../exact/our-cases.js';
import { PLAIN_CASES } from '../exact/plain-cases.js';
import { cellLine, changeLines, failureLines } from '../exact/report.js';
import { TIERS } from '../exact/tiers.js';

const cell = (fields: Partial<Cell>): Cell => {
  const { expected = 'R4@0x10', got = expected } = fields;
  return {
    node: '22',
    v8: '12.4',
    tier: 'turbofan',
    subject: 'plain',
    case: 'read, unused',
    expected,
    got,
    ok: got === expected,
    reason: '',
    executed: [],
    ...fields,
  };
};

const engines = { '12.4': '22.1.0' };
const nothing = { engines: {}, deviations: {} };
const dropped = cell({ got: '-' });

describe('what plain arrays do', () => {
  test('is no news when it is as it was recorded', () => {
    const cells = [dropped, cell({ tier: 'jitless' }), cell({ case: 'read' })];
    expect(changes(record(nothing, engines, cells), cells)).toEqual([]);
  });

  test('is news when it is better or worse', () => {
    const expectations = record(nothing, engines, [dropped]);
    const better = cell({});
    const worse = cell({ tier: 'jitless', got: 'R1@0x10' });
    expect(changes(expectations, [better, worse])).toEqual([
      { cell: better, recorded: '-' },
      { cell: worse, recorded: 'R4@0x10' },
    ]);
    expect(changeLines(changes(expectations, [better]))).toEqual([
      'changed: V8 12.4 (Node 22), turbofan, plain "read, unused": recorded -, now R4@0x10',
    ]);
  });

  test('of an engine that was never recorded is said once', () => {
    const cells = [cell({ v8: '15.0' }), cell({ v8: '15.0', got: '-' })];
    expect(changeLines(changes(record(nothing, engines, []), cells))).toEqual([
      'V8 15.0 is not in test/exact/expectations.json; --record adds it',
    ]);
  });

  test('is recorded in place of what was known of the engine, and of no other', () => {
    const before = record(nothing, { '11.3': '20.1.0', ...engines }, [
      cell({ v8: '11.3', got: '-' }),
      dropped,
    ]);
    const after = record(before, { '12.4': '22.2.0' }, [cell({ got: 'R1@0x10' })]);
    expect(after).toEqual({
      engines: { '11.3': '20.1.0', '12.4': '22.2.0' },
      deviations: {
        'read, unused': { '-': { '11.3': 'turbofan' }, 'R1@0x10': { '12.4': 'turbofan' } },
      },
    });
  });

  test('is recorded for cases and tiers that exist', () => {
    const { deviations } = readExpectations();
    const names = PLAIN_CASES.map(({ name }) => name);
    const tiers = Object.values(deviations)
      .flatMap((byGot) => Object.values(byGot))
      .flatMap((byEngine) => Object.values(byEngine))
      .flatMap((text) => text.split(' '));
    expect(names).toEqual(expect.arrayContaining(Object.keys(deviations)));
    expect(TIERS).toEqual(expect.arrayContaining(tiers));
  });
});

describe('what has to be exact', () => {
  const trusts = (v8: string) => v8 === '12.4';
  const store = { case: 'store', expected: 'W4@0x10' };

  test('is everything of ours', () => {
    expect(mustBeExact(cell({ subject: 'ours', v8: '99.0' }), trusts)).toBe(true);
  });

  test('is a plain store where doorbells trust it, and no other plain access', () => {
    expect(mustBeExact(cell(store), trusts)).toBe(true);
    expect(mustBeExact(cell({ ...store, v8: '15.0' }), trusts)).toBe(false);
    expect(mustBeExact(dropped, trusts)).toBe(false);
  });

  test('an engine whose stores are exact and that is not trusted is named', () => {
    const exact = cell({ ...store, v8: '15.0' });
    const merged = cell({ ...store, v8: '16.0', got: '-' });
    const cells = [exact, cell({ ...store, v8: '16.0' }), merged, cell(store)];
    expect(unlistedEngines(cells, trusts)).toEqual(['15.0']);
  });
});

describe('a line of the report', () => {
  test('has one field for each part of a cell', () => {
    const one = { case: 'write32', expected: 'W4@0x10 R4@0x10', subject: 'ours' } as const;
    expect(cellLine(cell(one))).toBe(
      'node=22 tier=turbofan case=write32 expected=W4@0x10,R4@0x10 got=W4@0x10,R4@0x10 ok',
    );
    expect(cellLine(cell({ ...one, got: 'W4@0x10' }))).toMatch(/got=W4@0x10 FAILED$/);
  });

  test('is followed by what was executed when it failed', () => {
    const executed = ['R4@0x10   8b 02'];
    expect(failureLines(cell({ executed }))).toEqual([]);
    const failed: Partial<Cell> = { got: '-', reason: 'executed - where …', executed };
    expect(failureLines(cell(failed))).toEqual(['executed - where …', ...executed]);
  });
});

test('every case has a name of its own', () => {
  for (const names of [OUR_CASES, PLAIN_CASES].map((all) => all.map(({ name }) => name))) {
    expect(new Set(names).size).toBe(names.length);
  }
});
