// SPDX-License-Identifier: MIT
// The faults that a test can inject into the model: what each does, and for which command.

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

/** A fault for {@link NvmeModel.inject}. */
export type NvmeFault = NvmeCommandFault | StuckFault;

/** An injected fault. */
export interface NvmeInjection {
  /** How often it has happened. */
  readonly hits: number;
  /** Ends it. What it has done to commands stays. An `all-ones` fault that happened at once ends: the link is up again. */
  cancel(): void;
}
