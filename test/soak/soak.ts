// SPDX-License-Identifier: MIT
// What a case of the soak is, and what it counts.

/** What is counted over the rounds of a case; what it does not count is absent. */
export interface Figures {
  rounds?: number;
  /** Processes that were killed. */
  kills?: number;
  /** Devices that were opened, used and closed. */
  cycles?: number;
  /** Things that were done to the devices under load. */
  faults?: number;
  /** How often memory decode was changed. */
  toggles?: number;
  /** Register reads that gave what they had to. */
  reads?: number;
  /** Those that the device did not answer. */
  busErrors?: number;
  /** Bytes that were compared with what they have to be. */
  bytesVerified?: number;
  /** Things that were not given back: descriptors, mappings, threads, locked pages. */
  leaks?: number;
  /** By how many bytes resident memory grew a cycle, or a round where there are no cycles: as it is now. */
  growth?: number;
  /** The longest time that the event loop stood still, in milliseconds: the largest of all. */
  maxLag?: number;
}

/** What is not a sum. */
const combine: { [Name in keyof Figures]?: (before: number, now: number) => number } = {
  growth: (_before, now) => now,
  maxLag: Math.max,
};

/** Adds the figures of a round to those of the rounds before. */
export function addFigures(sum: Figures, round: Figures): Figures {
  const total = { ...sum };
  for (const name of Object.keys(round) as (keyof Figures)[]) {
    const [before = 0, more = 0] = [sum[name], round[name]];
    total[name] = combine[name]?.(before, more) ?? before + more;
  }
  return total;
}

/** A case of `npm run soak`. It is alone in the machine, with all devices as a boot leaves them. */
export interface SoakCase {
  /** Begins with the id of the fault that it proves. */
  readonly name: string;
  /** Before its first round: binds devices. What it gives is disposed of after the last. */
  prepare(): Promise<AsyncDisposable>;
  /**
   * One round, as short as it can be: there is at least one, and there are more until the case's share of
   * the time is over. Throws when what it proves does not hold; the kernel log is judged after each.
   */
  round(): Promise<Figures>;
  /** Rounds that it has at least with `--full`, however long they take. */
  readonly promised?: number;
  /** Lines that the kernel logs in a round because of what is done to it. */
  readonly announced?: readonly RegExp[];
}

/** A line of what the guest tells the host. */
export interface SoakLine {
  readonly name: string;
  readonly figures: Figures;
  readonly seconds: number;
  /** Whether this is the last line of this case. */
  readonly ended: boolean;
  /** Why it ended before its time. */
  readonly failure?: string;
}
