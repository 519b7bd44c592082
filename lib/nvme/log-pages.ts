// SPDX-License-Identifier: MIT
// Decodes log pages (NVMe Base Specification 2.0, 5.16.1). These functions take a copy of the data, and never throw.
import { ascii, uint128, viewOf } from './bytes.js';
import { type Status, statusName } from './status.js';

/** One entry of Error Information (figure 206). */
export interface ErrorEntry {
  /** Error Count: a number that only this error has. */
  readonly errorCount: bigint;
  readonly submissionQueueId: number;
  readonly commandId: number;
  /** The Status Field of the completion, without the phase bit. */
  readonly status: Status;
  readonly statusName: string;
  /** Where in the command the error is; undefined if it concerns no particular place. */
  readonly parameterErrorLocation: { readonly byte: number; readonly bit: number } | undefined;
  readonly lba: bigint;
  readonly nsid: number;
  /** The log page with more information; 0 if there is none. */
  readonly vendorSpecificInformationAvailable: number;
  /** Transport Type (TRTYPE). */
  readonly trtype: number;
  readonly commandSpecificInformation: bigint;
  readonly transportTypeSpecificInformation: number;
}

export const ERROR_ENTRY_BYTES = 64;
const NO_LOCATION = 0xffff;

/** The entries up to the first unused one, whose count is 0. */
export function parseErrors(data: Uint8Array): ErrorEntry[] {
  const entries: ErrorEntry[] = [];
  for (let at = 0; at + ERROR_ENTRY_BYTES <= data.byteLength; at += ERROR_ENTRY_BYTES) {
    const entry = parseError(viewOf(data.subarray(at, at + ERROR_ENTRY_BYTES)));
    if (entry.errorCount === 0n) break;
    entries.push(entry);
  }
  return entries;
}

function parseError(view: DataView): ErrorEntry {
  const status = view.getUint16(12, true) >>> 1;
  const location = view.getUint16(14, true);
  return {
    errorCount: view.getBigUint64(0, true),
    submissionQueueId: view.getUint16(8, true),
    commandId: view.getUint16(10, true),
    status,
    statusName: statusName(status),
    parameterErrorLocation:
      location === NO_LOCATION ? undefined : { byte: location & 0xff, bit: (location >> 8) & 7 },
    lba: view.getBigUint64(16, true),
    nsid: view.getUint32(24, true),
    vendorSpecificInformationAvailable: view.getUint8(28),
    trtype: view.getUint8(29),
    commandSpecificInformation: view.getBigUint64(32, true),
    transportTypeSpecificInformation: view.getUint16(40, true),
  };
}

/** The critical warnings of the SMART / Health log (figure 207, byte 0). */
export interface CriticalWarning {
  readonly spareBelowThreshold: boolean;
  readonly temperature: boolean;
  readonly reliabilityDegraded: boolean;
  readonly readOnly: boolean;
  readonly volatileMemoryBackupFailed: boolean;
  readonly persistentMemoryRegionUnreliable: boolean;
}

/** SMART / Health Information (figure 207). Temperatures are in kelvin, and 0 means that there is no sensor. */
export interface HealthLog {
  readonly criticalWarning: CriticalWarning;
  readonly compositeTemperature: number;
  /** In percent. */
  readonly availableSpare: number;
  /** In percent. */
  readonly availableSpareThreshold: number;
  /** In percent of the estimated life, up to 255. */
  readonly percentageUsed: number;
  readonly enduranceGroupCriticalWarningSummary: number;
  /** In thousands of 512 bytes, rounded up. */
  readonly dataUnitsRead: bigint;
  readonly dataUnitsWritten: bigint;
  readonly hostReadCommands: bigint;
  readonly hostWriteCommands: bigint;
  /** In minutes. */
  readonly controllerBusyTime: bigint;
  readonly powerCycles: bigint;
  readonly powerOnHours: bigint;
  readonly unsafeShutdowns: bigint;
  readonly mediaAndDataIntegrityErrors: bigint;
  readonly numberOfErrorInformationLogEntries: bigint;
  /** In minutes. */
  readonly warningCompositeTemperatureTime: number;
  /** In minutes. */
  readonly criticalCompositeTemperatureTime: number;
  /** Temperature Sensor 1 to 8. */
  readonly temperatureSensors: readonly number[];
}

export function parseHealth(data: Uint8Array): HealthLog {
  const view = viewOf(data);
  return {
    criticalWarning: parseCriticalWarning(view.getUint8(0)),
    compositeTemperature: view.getUint16(1, true),
    availableSpare: view.getUint8(3),
    availableSpareThreshold: view.getUint8(4),
    percentageUsed: view.getUint8(5),
    enduranceGroupCriticalWarningSummary: view.getUint8(6),
    dataUnitsRead: uint128(view, 32),
    dataUnitsWritten: uint128(view, 48),
    hostReadCommands: uint128(view, 64),
    hostWriteCommands: uint128(view, 80),
    controllerBusyTime: uint128(view, 96),
    powerCycles: uint128(view, 112),
    powerOnHours: uint128(view, 128),
    unsafeShutdowns: uint128(view, 144),
    mediaAndDataIntegrityErrors: uint128(view, 160),
    numberOfErrorInformationLogEntries: uint128(view, 176),
    warningCompositeTemperatureTime: view.getUint32(192, true),
    criticalCompositeTemperatureTime: view.getUint32(196, true),
    temperatureSensors: Array.from({ length: 8 }, (_, i) => view.getUint16(200 + 2 * i, true)),
  };
}

function parseCriticalWarning(bits: number): CriticalWarning {
  return {
    spareBelowThreshold: (bits & 1) !== 0,
    temperature: (bits & 2) !== 0,
    reliabilityDegraded: (bits & 4) !== 0,
    readOnly: (bits & 8) !== 0,
    volatileMemoryBackupFailed: (bits & 16) !== 0,
    persistentMemoryRegionUnreliable: (bits & 32) !== 0,
  };
}

/** Firmware Slot Information (figure 208). */
export interface FirmwareSlots {
  /** The slot, from 1 to 7, whose firmware runs. */
  readonly active: number;
  /** The slot whose firmware runs after the next reset; undefined if the controller does not say. */
  readonly next: number | undefined;
  /** The revisions of slots 1 to 7; an empty slot has ''. */
  readonly revisions: readonly string[];
}

export function parseFirmwareSlots(data: Uint8Array): FirmwareSlots {
  const afi = viewOf(data).getUint8(0);
  const next = (afi >> 4) & 7;
  return {
    active: afi & 7,
    next: next === 0 ? undefined : next,
    revisions: Array.from({ length: 7 }, (_, i) => ascii(data, 8 + 8 * i, 16 + 8 * i)),
  };
}

/** Changed Namespace List (5.16.1.5). */
export interface ChangedNamespaces {
  readonly nsids: readonly number[];
  /** More than 1024 namespaces changed. The list does not name them, so look at all. */
  readonly tooMany: boolean;
}

export function parseChangedNamespaces(data: Uint8Array): ChangedNamespaces {
  const view = viewOf(data);
  if (view.getUint32(0, true) === 0xffff_ffff) return { nsids: [], tooMany: true };
  const nsids: number[] = [];
  for (let at = 0; at < data.byteLength && view.getUint32(at, true) !== 0; at += 4) {
    nsids.push(view.getUint32(at, true));
  }
  return { nsids, tooMany: false };
}

/** What a command does besides its work (figure 211). */
export interface Effects {
  /** Logical Block Content Change. */
  readonly lbcc: boolean;
  /** Namespace Capability Change. */
  readonly ncc: boolean;
  /** Namespace Inventory Change. */
  readonly nic: boolean;
  /** Controller Capability Change. */
  readonly ccc: boolean;
  /** Command Submission and Execution: 0 none, 1 alone in its namespace, 2 alone in all namespaces. */
  readonly cse: number;
  /** UUID Selection Supported. */
  readonly uss: boolean;
  /** Command Scope, a bit for each. */
  readonly csp: number;
}

/** Commands Supported and Effects: the commands that the controller supports, by opcode. */
export interface CommandEffects {
  readonly admin: ReadonlyMap<number, Effects>;
  readonly io: ReadonlyMap<number, Effects>;
}

export function parseEffects(data: Uint8Array): CommandEffects {
  const view = viewOf(data);
  return { admin: effectsAt(view, 0), io: effectsAt(view, 1024) };
}

function effectsAt(view: DataView, at: number): Map<number, Effects> {
  const supported = new Map<number, Effects>();
  for (let opcode = 0; opcode < 256; opcode++) {
    const bits = view.getUint32(at + 4 * opcode, true);
    // CSUPP
    if ((bits & 1) !== 0) supported.set(opcode, parseEffect(bits));
  }
  return supported;
}

function parseEffect(bits: number): Effects {
  return {
    lbcc: (bits & 2) !== 0,
    ncc: (bits & 4) !== 0,
    nic: (bits & 8) !== 0,
    ccc: (bits & 16) !== 0,
    cse: (bits >>> 16) & 7,
    uss: (bits & (1 << 19)) !== 0,
    csp: bits >>> 20,
  };
}
