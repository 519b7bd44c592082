// SPDX-License-Identifier: MIT
// The faults that a test can inject into the model: what each does, and for which command.
import type { Submission } from './submission.js';

/** Selects commands. A command matches if it has every property that is given. */
export interface NvmeCommandFilter {
  /** Admin commands, or I/O commands. */
  readonly kind?: 'admin' | 'io';
  /** The submission queue; 0 is the admin queue. */
  readonly queue?: number;
  /** The opcode. Admin and I/O commands use the same numbers, so give `kind` or `queue` too. */
  readonly opcode?: number;
  readonly nsid?: number;
  /** An I/O command whose blocks include this one. */
  readonly lba?: number;
}

/** Which commands a fault affects. */
export interface NvmeFaultPlace {
  /** Which commands count. Default: all. */
  readonly on?: NvmeCommandFilter;
  /** The first one that the fault affects, counted from 1 at the injection. Default 1: the next. */
  readonly nth?: number;
  /** How many in a row it affects. Default 1. Infinity: all from then on. */
  readonly times?: number;
}

/** The command is executed, and its completion comes `ms` milliseconds late. */
export interface LateFault extends NvmeFaultPlace {
  readonly fault: 'late';
  readonly ms: number;
}
/** The command is executed, and its completion never comes. Abort does not find the command. */
export interface LostFault extends NvmeFaultPlace {
  readonly fault: 'lost';
}
/** The command is not executed and does not complete, until it is aborted or its queue is deleted. */
export interface HungFault extends NvmeFaultPlace {
  readonly fault: 'hung';
}
/** The command is executed, and its completion comes twice. */
export interface DuplicatedFault extends NvmeFaultPlace {
  readonly fault: 'duplicated';
}
/** The command is executed, and its completion names the command `id` instead. Default 0xffff, which no command has. */
export interface WrongIdFault extends NvmeFaultPlace {
  readonly fault: 'wrong-id';
  readonly id?: number;
}
/** The command is executed, and its completion comes on the completion queue `queue`. It is lost if there is none. */
export interface WrongQueueFault extends NvmeFaultPlace {
  readonly fault: 'wrong-queue';
  readonly queue: number;
}
/** The command is executed, and its completion comes after the next one of the same completion queue. */
export interface ReorderedFault extends NvmeFaultPlace {
  readonly fault: 'reordered';
}
/** The command is executed, and its completion raises no interrupt. */
export interface SilentFault extends NvmeFaultPlace {
  readonly fault: 'silent';
}
/** The command is not executed. It completes with this Status Field: SC 7:0, SCT 10:8, M 13, DNR 14. */
export interface StatusFault extends NvmeFaultPlace {
  readonly fault: 'status';
  readonly status: number;
}
/**
 * CSTS.CFS is set, and no command completes until the controller is reset. It happens at once, or when a command
 * comes in if `on` or `nth` is given.
 */
export interface FatalFault extends NvmeFaultPlace {
  readonly fault: 'fatal';
}
/**
 * The device is pulled out, permanently: registers read all ones, writes are dropped, no memory is accessed and no
 * interrupt is raised. It happens at once, or when a command comes in if `on` or `nth` is given.
 */
export interface RemovedFault extends NvmeFaultPlace {
  readonly fault: 'removed';
}
/**
 * The registers read all ones and writes to them are dropped, for `ms` milliseconds, or permanently if `ms` is not
 * given: the link is down, but the controller runs on. It completes the commands that it has fetched. It happens at
 * once, or when a command comes in if `on` or `nth` is given.
 */
export interface AllOnesFault extends NvmeFaultPlace {
  readonly fault: 'all-ones';
  readonly ms?: number;
}
/** A change of state takes `ms` milliseconds, or never ends if `ms` is not given. A reset of the function ends it. */
export interface StuckFault {
  readonly fault: 'stuck';
  /** `enable`: CSTS.RDY stays 0. `disable`: it stays 1. `shutdown`: CSTS.SHST does not become 2. */
  readonly during: NvmeStateChange;
  readonly ms?: number;
  /** The first change that it affects, counted from 1 at the injection. Default 1: the next. */
  readonly nth?: number;
  /** How many in a row it affects. Default 1. */
  readonly times?: number;
}

export type NvmeStateChange = 'enable' | 'disable' | 'shutdown';

/**
 * A fault that affects a command. An Asynchronous Event Request completes when something happens, so only `hung`,
 * `status`, `fatal`, `removed` and `all-ones` affect one.
 */
export type NvmeCommandFault =
  | LateFault
  | LostFault
  | HungFault
  | DuplicatedFault
  | WrongIdFault
  | WrongQueueFault
  | ReorderedFault
  | SilentFault
  | StatusFault
  | FatalFault
  | RemovedFault
  | AllOnesFault;

/** A fault of the whole device, which can happen without a command. */
export type DeviceFault = FatalFault | RemovedFault | AllOnesFault;

/** Whether a fault happens at once: it affects the whole device, and does not wait for a command. */
export function isAtOnce(fault: NvmeFault): fault is DeviceFault {
  const ofDevice =
    fault.fault === 'fatal' || fault.fault === 'removed' || fault.fault === 'all-ones';
  return ofDevice && fault.on === undefined && fault.nth === undefined;
}

/** A fault for {@link NvmeModel.inject}. */
export type NvmeFault = NvmeCommandFault | StuckFault;

/** An injected fault. */
export interface NvmeInjection {
  /** How often it has happened. */
  readonly hits: number;
  /** Ends it. What it has done to commands stays. An `all-ones` fault that happened at once ends: the link is up again. */
  cancel(): void;
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
