// SPDX-License-Identifier: MIT
// The result of a run of fuzzers, and the line that reports it.

export interface Outcome {
  /** Inputs tried, or calls made. */
  readonly runs: number;
  /** One or more lines for each crash: its description, and the command that reproduces it. */
  readonly crashes: readonly string[];
  /** The number of kept inputs: each reaches code that no other reaches. */
  readonly corpus: number;
}

export function sum(outcomes: readonly Outcome[]): Outcome {
  return {
    runs: outcomes.reduce((total, { runs }) => total + runs, 0),
    crashes: outcomes.flatMap(({ crashes }) => crashes),
    corpus: outcomes.reduce((total, { corpus }) => total + corpus, 0),
  };
}

/** The last line of `npm run fuzz`. */
export function outcomeLine({ runs, crashes, corpus }: Outcome): string {
  return `runs ${runs} crashes ${crashes.length} corpus ${corpus}`;
}
