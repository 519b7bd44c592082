// SPDX-License-Identifier: MIT
// What a run of fuzzers found, and how it is reported.

export interface Outcome {
  /** Inputs tried, or calls made. */
  readonly runs: number;
  /** One line or more a crash: what it was, and the command that brings it back. */
  readonly crashes: readonly string[];
  /** Inputs kept because each reaches something that no other does. */
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
