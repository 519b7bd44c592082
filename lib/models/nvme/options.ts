// SPDX-License-Identifier: MIT
// The options of the model, with their defaults and checks.
import type { NvmeNamespaceOptions } from './namespaces.js';

/** What the controller claims about itself. Every property has a default. */
export interface NvmeModelOptions {
  /** The namespaces that it has at first. Default: one of 64 MiB in memory, with blocks of 512 bytes. */
  readonly namespaces?: readonly NvmeNamespaceOptions[];
  /** NN: the highest namespace identifier. Default 16. */
  readonly maxNamespaces?: number;
  /** I/O queue pairs, from 1 to 65,534. Default 8. */
  readonly ioQueues?: number;
  /** The most slots of a queue (CAP.MQES + 1), from 2 to 65,536. Default 1024. */
  readonly queueEntries?: number;
  /** Interrupt vectors, from 1 to 2048. Default: one for each queue pair. */
  readonly vectors?: number;
  /** MDTS: the longest transfer is 2 ^ mdts pages of 4 KiB; 0 means no limit. Default 5: 128 KiB. */
  readonly mdts?: number;
  /** CAP.DSTRD: doorbells are 2 ^ (2 + stride) bytes apart. Default 0. */
  readonly doorbellStride?: number;
  /** CAP.TO, in units of 500 ms. The driver waits so long for CSTS.RDY. Default 1. */
  readonly readyTimeout?: number;
  /** RTD3E in microseconds: how long the driver waits for a shutdown; 0 means not reported. Default 1 s. */
  readonly shutdownLatency?: number;
  /** How many asynchronous event requests can be outstanding (AERL + 1), from 1 to 256. Default 4. */
  readonly eventRequests?: number;
  /** How many Abort commands may be outstanding, as ACL reports it (ACL + 1), from 1 to 256. Default 4. */
  readonly aborts?: number;
  /** Serial Number, at most 20 characters. Default `MODEL0001`. */
  readonly serial?: string;
  /** Model Number, at most 40 characters. Default `NVMe model`. */
  readonly model?: string;
  /** Firmware Revision, at most 8 characters. Default `1.0`. */
  readonly firmware?: string;
}

/** The options with their defaults. */
export type Settings = Required<NvmeModelOptions>;

const RANGES = {
  maxNamespaces: [1, 1024],
  ioQueues: [1, 65_534],
  queueEntries: [2, 65_536],
  vectors: [1, 2048],
  mdts: [0, 15],
  doorbellStride: [0, 10],
  readyTimeout: [0, 255],
  shutdownLatency: [0, 0xffff_ffff],
  eventRequests: [1, 256],
  aborts: [1, 256],
} as const;

const LENGTHS = { serial: 20, model: 40, firmware: 8 } as const;

/** Adds the defaults. Throws a RangeError for a value that the controller could not report. */
export function settingsOf(options: NvmeModelOptions): Settings {
  const ioQueues = options.ioQueues ?? 8;
  const settings = {
    namespaces: [{}],
    maxNamespaces: 16,
    ioQueues,
    queueEntries: 1024,
    vectors: Math.min(ioQueues + 1, 2048),
    mdts: 5,
    doorbellStride: 0,
    readyTimeout: 1,
    shutdownLatency: 1_000_000,
    eventRequests: 4,
    aborts: 4,
    serial: 'MODEL0001',
    model: 'NVMe model',
    firmware: '1.0',
    ...options,
  };
  for (const [name, [low, high]] of Object.entries(RANGES)) {
    const value = settings[name as keyof typeof RANGES];
    if (!Number.isInteger(value) || value < low || value > high) {
      throw new RangeError(`Expected ${name} from ${low} to ${high} but received ${value}`);
    }
  }
  for (const [name, most] of Object.entries(LENGTHS)) {
    const text = settings[name as keyof typeof LENGTHS];
    if (text.length > most) {
      throw new RangeError(`Expected at most ${most} characters of ${name} but received ${text}`);
    }
  }
  return settings;
}
