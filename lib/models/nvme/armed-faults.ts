// SPDX-License-Identifier: MIT
// The faults that were injected and wait for a command or a change of state.
import type {
  DeviceFault,
  NvmeCommandFault,
  NvmeCommandFilter,
  NvmeFault,
  NvmeInjection,
  NvmeStateChange,
  StuckFault,
} from './faults.js';
import type { Submission } from './submission.js';

/** Whether a fault happens at once: it affects the whole device, and does not wait for a command. */
export function isAtOnce(fault: NvmeFault): fault is DeviceFault {
  const ofDevice =
    fault.fault === 'fatal' || fault.fault === 'removed' || fault.fault === 'all-ones';
  return ofDevice && fault.on === undefined && fault.nth === undefined;
}

/** A fault that waits for its moment. */
class Armed<T extends NvmeFault> implements NvmeInjection {
  hits = 0;
  readonly fault: T;
  #seen = 0;
  #cancelled = false;

  constructor(fault: T) {
    this.fault = fault;
  }

  cancel(): void {
    this.#cancelled = true;
  }

  /** Whether it can still happen. */
  get over(): boolean {
    return this.#cancelled || this.hits >= (this.fault.times ?? 1);
  }

  /** Counts a match. Returns whether the fault affects it. */
  count(): boolean {
    return ++this.#seen >= (this.fault.nth ?? 1);
  }
}

/** The faults that wait for a command or a change of state. */
export class Faults {
  #commands: Armed<NvmeCommandFault>[] = [];
  #changes: Armed<StuckFault>[] = [];

  arm(fault: NvmeFault): NvmeInjection {
    if (fault.fault === 'stuck') {
      const armed = new Armed(fault);
      this.#changes.push(armed);
      return armed;
    }
    const armed = new Armed(fault);
    this.#commands.push(armed);
    return armed;
  }

  /** The fault that affects this command. Every matching fault counts it, and the oldest one that is due affects it. */
  forCommand(command: Submission): NvmeCommandFault | undefined {
    const matching = this.#commands.filter((each) => matches(each.fault.on ?? {}, command));
    const fault = firstDue(matching);
    this.#commands = this.#commands.filter((each) => !each.over);
    return fault;
  }

  forChange(change: NvmeStateChange): StuckFault | undefined {
    const fault = firstDue(this.#changes.filter((each) => each.fault.during === change));
    this.#changes = this.#changes.filter((each) => !each.over);
    return fault;
  }
}

function firstDue<T extends NvmeFault>(candidates: readonly Armed<T>[]): T | undefined {
  const due = candidates.filter((each) => !each.over).filter((each) => each.count());
  const [first] = due;
  if (first === undefined) return undefined;
  first.hits++;
  return first.fault;
}

function matches(filter: NvmeCommandFilter, command: Submission): boolean {
  const { kind, queue, opcode, nsid, lba } = filter;
  const admin = command.queue === 0;
  if (kind !== undefined && (kind === 'admin') !== admin) return false;
  if (queue !== undefined && queue !== command.queue) return false;
  if (opcode !== undefined && opcode !== command.opcode) return false;
  if (nsid !== undefined && nsid !== command.nsid) return false;
  return lba === undefined || (!admin && includesBlock(command, lba));
}

function includesBlock({ cdw10, cdw11, cdw12 }: Submission, lba: number): boolean {
  const first = cdw10 + cdw11 * 2 ** 32;
  return lba >= first && lba <= first + (cdw12 & 0xffff);
}

/** Throws a RangeError for a fault that cannot happen. */
export function checkFault(fault: NvmeFault): void {
  const { nth = 1, times = 1 } = fault;
  if (!Number.isInteger(nth) || nth < 1)
    throw new RangeError(`Expected nth from 1 but received ${nth}`);
  if (!(Number.isInteger(times) || times === Infinity) || times < 1) {
    throw new RangeError(`Expected times from 1 but received ${times}`);
  }
  if ('ms' in fault && fault.ms !== undefined && !(fault.ms >= 0)) {
    throw new RangeError(`Expected milliseconds but received ${fault.ms}`);
  }
  if (fault.fault === 'status' && (fault.status & 0x7ff) === 0) {
    throw new RangeError(`Expected the status of a failure but received ${fault.status}`);
  }
}
