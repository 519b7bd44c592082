// SPDX-License-Identifier: MIT
// The types of a soak case and of its figures.

/** The figures of a case, over all its rounds. A figure that the case does not count is absent. */
export interface Figures {
  rounds?: number;
  /** Processes that were killed. */
  kills?: number;
  /** Devices that were opened, used and closed. */
  cycles?: number;
  /** Faults that struck the devices under load. */
  faults?: number;
  /** How often memory decode was changed. */
  toggles?: number;
  /** Register reads that returned the right value. */
  reads?: number;
  /** Register reads that the device did not answer. */
  busErrors?: number;
  /** Bytes that were compared with their expected values. */
  bytesVerified?: number;
  /** Resources that were not released: descriptors, mappings, threads, locked pages. */
  leaks?: number;
  /**
   * The growth of resident memory per cycle, in bytes, or per round if there are no cycles. The latest value counts.
   */
  growth?: number;
  /** The longest delay of the event loop in all rounds, in milliseconds. */
  maxLag?: number;
}

/** How to combine the figures that are not sums. */
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

/** A case of `npm run soak`. It has the machine to itself, with all devices as a boot leaves them. */
export interface SoakCase {
  /** The name begins with the id of the fault that the case proves. */
  readonly name: string;
  /** Runs before the first round, and binds devices. Its result is disposed of after the last round. */
  prepare(): Promise<AsyncDisposable>;
  /**
   * Makes one round, as short as possible. There is at least one, and more until the case's share of the time is over.
   * It throws if what it proves does not hold. The kernel log is checked after each round.
   */
  round(): Promise<Figures>;
  /** The least number of rounds with `--full`, however long they take. */
  readonly promised?: number;
  /** Lines that the kernel is expected to log because of the case. */
  readonly announced?: readonly RegExp[];
}

/** A progress line that the guest sends to the host. */
export interface SoakLine {
  readonly name: string;
  readonly figures: Figures;
  readonly seconds: number;
  /** Whether this is the last line of this case. */
  readonly ended: boolean;
  /** Why the case failed, if it did. */
  readonly failure?: string;
}
