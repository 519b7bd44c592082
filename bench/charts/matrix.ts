// SPDX-License-Identifier: MIT
// The chart of the trap test's results, for each tier of each Node. They come from build/results/exact-matrix.json.
import type { TopLevelSpec } from 'vega-lite';

/** One cell of that file. */
export interface MatrixCell {
  readonly node: string;
  readonly v8: string;
  readonly tier: string;
  readonly subject: 'ours' | 'plain';
  readonly case: string;
  readonly expected: string;
  readonly got: string;
  readonly ok: boolean;
}

export interface ExactMatrix {
  readonly cells: readonly MatrixCell[];
}

interface Square {
  readonly column: string;
  readonly case: string;
  readonly subject: string;
  readonly exact: 'exact' | 'not exact';
}

const subjects = { ours: 'this library', plain: 'typed arrays, DataView, Buffer' } as const;

/** The squares of the chart. */
export function matrixSquares({ cells }: ExactMatrix): Square[] {
  return cells.map(({ node, tier, subject, ok, ...cell }) => ({
    column: `${node} ${tier}`,
    case: cell.case,
    subject: subjects[subject],
    exact: ok ? 'exact' : 'not exact',
  }));
}

export function matrixChart(matrix: ExactMatrix): TopLevelSpec {
  return {
    title: 'Executed as written? Every access trapped, by Node and compiler tier',
    data: { values: matrixSquares(matrix) },
    facet: { row: { field: 'subject', type: 'nominal', title: null, sort: 'descending' } },
    spec: {
      width: { step: 14 },
      height: { step: 12 },
      mark: { type: 'rect', stroke: 'white' },
      encoding: {
        x: { field: 'column', type: 'nominal', sort: null, title: null },
        y: { field: 'case', type: 'nominal', sort: null, title: null },
        color: {
          field: 'exact',
          type: 'nominal',
          title: null,
          scale: { domain: ['exact', 'not exact'], range: ['#5aae61', '#b2182b'] },
        },
      },
    },
    resolve: { scale: { y: 'independent' } },
  };
}
