// SPDX-License-Identifier: MIT
// Measures contenders in turns, in many short rounds. Other load on the machine then affects all of them alike.
import { Samples } from '../tools/statistics.js';

/** One of the pieces of code that are measured in turns. */
export interface Contender {
  readonly name: string;
  /** Runs the code `turns` times and returns the processor time of that, in nanoseconds. */
  run(turns: number): number | Promise<number>;
  /** How many operations one turn has. Default: 1. */
  readonly operations?: number;
}

export interface Effort {
  /** How many rounds each contender runs. */
  readonly rounds: number;
  /** About how long a contender runs in one round. */
  readonly nanoseconds: number;
  /** How long each contender warms up, in nanoseconds. The optimiser must have compiled its loop by then. */
  readonly warmUp: number;
}

/** Measures all contenders. Returns the nanoseconds per operation of each, by name. */
export async function takeTurns(
  contenders: readonly Contender[],
  { rounds, nanoseconds, warmUp }: Effort,
): Promise<Map<string, Samples>> {
  const samples = new Map<string, Samples>();
  const turns = new Map<string, number>();
  for (const contender of contenders) {
    samples.set(contender.name, new Samples());
    turns.set(contender.name, await findTurns(contender, nanoseconds, warmUp));
  }
  for (let round = 0; round < rounds; round++) {
    for (const contender of rotated(contenders, round)) {
      const count = turns.get(contender.name) as number;
      const time = await contender.run(count);
      samples.get(contender.name)?.record(time / count / (contender.operations ?? 1));
    }
  }
  return samples;
}

/** Warms a contender up, and so finds out how many turns take about `nanoseconds`. */
async function findTurns(
  contender: Contender,
  nanoseconds: number,
  warmUp: number,
): Promise<number> {
  let warm = 0;
  let turns = 1;
  for (;;) {
    const time = await contender.run(turns);
    warm += time;
    if (time < nanoseconds) turns *= 2;
    else if (warm >= warmUp) return turns;
  }
}

/** The list, rotated, so that no contender always runs after the same one. */
export function rotated<T>(list: readonly T[], by: number): T[] {
  const start = by % Math.max(list.length, 1);
  return [...list.slice(start), ...list.slice(0, start)];
}
