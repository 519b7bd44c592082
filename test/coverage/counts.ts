// SPDX-License-Identifier: MIT
// How much of the code the tests execute, and how much of it has to be.

/** Of lines, or of branches. */
export interface Share {
  readonly covered: number;
  readonly total: number;
}

export interface Coverage {
  readonly lines: Share;
  readonly branches: Share;
}

/** A file of the repository, by its path there. */
export type Files = ReadonlyMap<string, Coverage>;

/** Percent. */
export const required = { lines: 95, branches: 90 } as const;

export type Measure = keyof typeof required;

export const measures = ['lines', 'branches'] as const;

export function percent({ covered, total }: Share): number {
  return total === 0 ? 100 : (100 * covered) / total;
}

/** Of all files below a folder. */
export function below(files: Files, folder: string): Coverage {
  const chosen = [...files].filter(([path]) => path.startsWith(folder)).map(([, file]) => file);
  const sum = (measure: Measure) => ({
    covered: chosen.reduce((total, file) => total + file[measure].covered, 0),
    total: chosen.reduce((total, file) => total + file[measure].total, 0),
  });
  return { lines: sum('lines'), branches: sum('branches') };
}

/** The measures by which it is not enough. */
export function missed(coverage: Coverage): Measure[] {
  return measures.filter((measure) => percent(coverage[measure]) < required[measure]);
}
