// SPDX-License-Identifier: MIT
// The coverage of folders: how much of the code the tests execute, and how much they must execute.

/** A number of covered lines or branches. */
export interface Share {
  readonly covered: number;
  readonly total: number;
}

export interface Coverage {
  readonly lines: Share;
  readonly branches: Share;
}

/** The coverage of each file, by its path in the repository. */
export type Files = ReadonlyMap<string, Coverage>;

/** The required coverage, in percent. */
export const required = { lines: 95, branches: 90 } as const;

export type Measure = keyof typeof required;

export const measures = ['lines', 'branches'] as const;

export function percent({ covered, total }: Share): number {
  return total === 0 ? 100 : (100 * covered) / total;
}

/** The coverage of all files below a folder. */
export function below(files: Files, folder: string): Coverage {
  const chosen = [...files].filter(([path]) => path.startsWith(folder)).map(([, file]) => file);
  const sum = (measure: Measure) => ({
    covered: chosen.reduce((total, file) => total + file[measure].covered, 0),
    total: chosen.reduce((total, file) => total + file[measure].total, 0),
  });
  return { lines: sum('lines'), branches: sum('branches') };
}

/** The measures that are below the required share. */
export function missed(coverage: Coverage): Measure[] {
  return measures.filter((measure) => percent(coverage[measure]) < required[measure]);
}
