// SPDX-License-Identifier: MIT
// The log pages of the controller (NVMe Base Specification 2.0, 5.16).
import { LogId } from './log-ids.js';
import { AdminOpcode, CHANGES_CONTENT, NvmOpcode } from './opcodes.js';
import type { Submission } from './submission.js';

/** ELPE + 1: how many errors the error log keeps. */
export const ERROR_ENTRIES = 16;
const ERROR_BYTES = 64;
/** Bit 0 of an entry of the supported pages (LSUPP), or of the effects (CSUPP). */
const SUPPORTED = 1;
/** LBCC of the effects. */
const CONTENT_CHANGES = 2;
/** The list of changed namespaces is this long. If more changed, it has this one identifier instead. */
const CHANGED_LIMIT = 1024;
const MORE_CHANGED = 0xffff_ffff;

/** One error of the error log. */
interface LoggedError {
  readonly count: bigint;
  readonly command: Submission;
  readonly status: number;
}

/** What the driver did, as the SMART log counts it. */
export class Counters {
  /** Bytes; the log counts thousands of 512. */
  read = 0;
  written = 0;
  readCommands = 0;
  writeCommands = 0;
  errors = 0n;
}

/** Keeps what the log pages report, across resets of the controller. */
export class Logs {
  readonly counters = new Counters();
  readonly #errors: LoggedError[] = [];
  readonly #changed = new Set<number>();
  readonly #firmware: string;

  constructor(firmware: string) {
    this.#firmware = firmware;
  }

  /** A command failed. */
  addError(command: Submission, status: number): void {
    this.#errors.unshift({ count: ++this.counters.errors, command, status });
    this.#errors.length = Math.min(this.#errors.length, ERROR_ENTRIES);
  }

  /** A namespace was added or removed, or changed its size. */
  addChanged(nsid: number): void {
    this.#changed.add(nsid);
  }

  /** The driver read a page without RAE. */
  wasRead(log: number): void {
    if (log === LogId.CHANGED_NAMESPACES) this.#changed.clear();
  }

  /** A page as a whole, or undefined if the controller does not have it. */
  page(log: number): Uint8Array | undefined {
    switch (log) {
      case LogId.SUPPORTED:
        return supportedPages();
      case LogId.ERROR:
        return this.#errorPage();
      case LogId.SMART:
        return this.#smartPage();
      case LogId.FIRMWARE:
        return firmwarePage(this.#firmware);
      case LogId.CHANGED_NAMESPACES:
        return this.#changedPage();
      case LogId.EFFECTS:
        return effectsPage();
      default:
        return undefined;
    }
  }

  #errorPage(): Uint8Array {
    const [bytes, view] = emptyPage(ERROR_ENTRIES * ERROR_BYTES);
    for (const [index, { count, command, status }] of this.#errors.entries()) {
      const at = index * ERROR_BYTES;
      view.setBigUint64(at, count, true);
      view.setUint16(at + 8, command.queue, true);
      view.setUint16(at + 10, command.cid, true);
      view.setUint16(at + 12, status << 1, true);
      // Parameter Error Location: no particular parameter.
      view.setUint16(at + 14, 0xffff, true);
      const lba = command.queue === 0 ? 0 : command.cdw10 + command.cdw11 * 2 ** 32;
      view.setBigUint64(at + 16, BigInt(lba), true);
      view.setUint32(at + 24, command.nsid, true);
    }
    return bytes;
  }

  #smartPage(): Uint8Array {
    const [bytes, view] = emptyPage(512);
    // 300 K; all of the spare capacity is left, and its threshold is 10 %.
    view.setUint16(1, 300, true);
    view.setUint8(3, 100);
    view.setUint8(4, 10);
    const { read, written, readCommands, writeCommands, errors } = this.counters;
    view.setBigUint64(32, dataUnits(read), true);
    view.setBigUint64(48, dataUnits(written), true);
    view.setBigUint64(64, BigInt(readCommands), true);
    view.setBigUint64(80, BigInt(writeCommands), true);
    view.setBigUint64(176, errors, true);
    return bytes;
  }

  #changedPage(): Uint8Array {
    const [bytes, view] = emptyPage(CHANGED_LIMIT * 4);
    const ids = [...this.#changed].sort((a, b) => a - b);
    const listed = ids.length > CHANGED_LIMIT ? [MORE_CHANGED] : ids;
    for (const [index, nsid] of listed.entries()) view.setUint32(4 * index, nsid, true);
    return bytes;
  }
}

function supportedPages(): Uint8Array {
  const [bytes, view] = emptyPage(1024);
  for (const log of Object.values(LogId)) view.setUint32(4 * log, SUPPORTED, true);
  return bytes;
}

/** One slot, which is active. */
function firmwarePage(firmware: string): Uint8Array {
  const [bytes] = emptyPage(512);
  bytes[0] = 1;
  bytes.set(new TextEncoder().encode(firmware.padEnd(8)), 8);
  return bytes;
}

function effectsPage(): Uint8Array {
  const [bytes, view] = emptyPage(4096);
  for (const opcode of Object.values(AdminOpcode)) view.setUint32(4 * opcode, SUPPORTED, true);
  for (const opcode of Object.values(NvmOpcode)) {
    const changes = CHANGES_CONTENT.includes(opcode) ? CONTENT_CHANGES : 0;
    view.setUint32(1024 + 4 * opcode, SUPPORTED | changes, true);
  }
  return bytes;
}

function emptyPage(size: number): [Uint8Array, DataView] {
  const bytes = new Uint8Array(size);
  return [bytes, new DataView(bytes.buffer)];
}

/** Thousands of 512 bytes, rounded up. */
function dataUnits(bytes: number): bigint {
  return BigInt(Math.ceil(bytes / 512_000));
}
