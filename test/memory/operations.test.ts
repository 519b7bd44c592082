// SPDX-License-Identifier: MIT
// The tables of operations are complete: each operation that the package declares as public is in one of them.
import { describe, expect, test } from '@jest/globals';
import { publicOperations } from '../support/public-operations.js';
import { operationsByTable } from './operations/all.js';

const declared = publicOperations();
const written = operationsByTable();

describe('F22/ of the public operations', () => {
  test('each has a scenario', () => {
    expect(declared.length).toBeGreaterThan(100);
    expect(declared.filter((name) => !written.includes(name))).toEqual([]);
  });

  test('there is each that a scenario is of', () => {
    expect(written.filter((name) => !declared.includes(name))).toEqual([]);
  });
});
