// SPDX-License-Identifier: MIT
// Measures contenders in turns, in many short rounds, so that other load on the machine meets all of them alike.
import { Samples } from '../tools/statistics.js';

/** One of those that take turns. */
export interface Contender {
  readonly name: string;
  /** Does it that often and gives the processor time that took, in nanoseconds. */
  run(turns: number): number | Promise<number>;
  /** How many operations a turn has, where it is more than one. */
  readonly operations?: number;
}

export interface Effort {
  /** How often each contender gets its turn. */
  readonly rounds: number;
  /** How long a turn takes, about. */
  readonly nanoseconds: number;
  /** How long each contender warms up: until the optimiser has compiled its loop for good. */
  readonly warmUp: number;
}

/** Nanoseconds an operation of each contender, by name. */
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

/** How many turns take about that long, found by warming up. */
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

/** Nobody always comes after the same one. */
export function rotated<T>(list: readonly T[], by: number): T[] {
  const start = by % Math.max(list.length, 1);
  return [...list.slice(start), ...list.slice(0, start)];
}
