// SPDX-License-Identifier: MIT
// Log pages: reads them in parts that the controller can move (NVMe Base Specification 2.0, 5.16).
import { AdminOpcode, type Command } from './commands.js';
import { NvmeError } from './errors.js';
import type { ControllerIdentity } from './identify.js';
import {
  type ChangedNamespaces,
  type CommandEffects,
  ERROR_ENTRY_BYTES,
  type ErrorEntry,
  type FirmwareSlots,
  type HealthLog,
  parseChangedNamespaces,
  parseEffects,
  parseErrors,
  parseFirmwareSlots,
  parseHealth,
} from './log-pages.js';

/** Log Page Identifiers (figure 202). */
export const LogId = {
  ERROR_INFORMATION: 0x01,
  SMART_HEALTH: 0x02,
  FIRMWARE_SLOT: 0x03,
  CHANGED_NAMESPACES: 0x04,
  COMMANDS_AND_EFFECTS: 0x05,
} as const;

/** What Get Log Page takes besides the page and its length. */
export interface LogOptions {
  /** Default: 0xffffffff, the page of the whole controller. */
  readonly nsid?: number;
  /** The first byte to read (LPOL and LPOU), a multiple of 4. Default: 0. */
  readonly offset?: number;
  /** Log Specific Field, 7 bits. */
  readonly lsp?: number;
  /** Log Specific Identifier, 16 bits. */
  readonly lsi?: number;
  /** Command Set Identifier, for pages that each I/O command set has. */
  readonly csi?: number;
  /**
   * RAE: the read does not clear the event that belongs to this page, and so the controller does not report the event
   * again. Default: false.
   */
  readonly retainEvent?: boolean;
}

/** LPA bit 2: the controller accepts offsets, and counts of dwords with more than 12 bits. */
const LPA_EXTENDED = 4;
const MAX_DWORDS_WITHOUT_LPA = 2 ** 12;
const ALL_NAMESPACES = 0xffff_ffff;
const SLOT_LOG_BYTES = 512;
const LIST_BYTES = 4096;

/** The command Get Log Page (5.16), without its data. `bytes` is a multiple of 4. */
export function getLogPage(lid: number, bytes: number, options: LogOptions = {}): Command {
  const { nsid = ALL_NAMESPACES, offset = 0, lsp = 0, lsi = 0, csi = 0 } = options;
  const numd = bytes / 4 - 1;
  const rae = options.retainEvent === true ? 1 : 0;
  return {
    opcode: AdminOpcode.GET_LOG_PAGE,
    nsid,
    cdw10: (lid | (lsp << 8) | (rae << 15) | (numd << 16)) >>> 0,
    cdw11: ((numd >>> 16) | (lsi << 16)) >>> 0,
    cdw12: offset % 2 ** 32,
    cdw13: Math.floor(offset / 2 ** 32),
    cdw14: (csi << 24) >>> 0,
  };
}

/** What the logs need from their controller. */
export interface LogSource {
  readonly identity: Pick<ControllerIdentity, 'lpa' | 'elpe'>;
  readonly maxDataBytes: number;
  admin(command: Command): Promise<number>;
}

/** The log pages of a controller: `controller.logs`. */
export class Logs {
  readonly #source: LogSource;

  constructor(source: LogSource) {
    this.#source = source;
  }

  /**
   * Returns `bytes` of any log page, a multiple of 4. A page longer than one command can move (MDTS) is read in
   * parts, and the controller may change it in between. Only the last part clears the event of the page.
   *
   * Rejects with `ERR_NVME_UNSUPPORTED` if that needs offsets, and the controller has none (LPA bit 2).
   */
  async read(lid: number, bytes: number, options: LogOptions = {}): Promise<Uint8Array> {
    const { offset = 0, retainEvent = false } = options;
    checkDwords('the length of a log page', bytes, 4);
    checkDwords('the offset in a log page', offset, 0);
    const part = this.#partFor(lid, bytes, offset);
    const page = new Uint8Array(bytes);
    for (let at = 0; at < bytes; at += part) {
      const data = page.subarray(at, at + part);
      const retain = retainEvent || at + part < bytes;
      const place = { ...options, offset: offset + at, retainEvent: retain };
      await this.#source.admin({ ...getLogPage(lid, data.byteLength, place), data });
    }
    return page;
  }

  /** Error Information (5.16.1.2), the newest error first. */
  async errors(options?: LogOptions): Promise<ErrorEntry[]> {
    const entries = this.#source.identity.elpe + 1;
    const bytes = entries * ERROR_ENTRY_BYTES;
    return parseErrors(await this.read(LogId.ERROR_INFORMATION, bytes, options));
  }

  /** SMART / Health Information (5.16.1.3). */
  async health(options?: LogOptions): Promise<HealthLog> {
    return parseHealth(await this.read(LogId.SMART_HEALTH, SLOT_LOG_BYTES, options));
  }

  /** Firmware Slot Information (5.16.1.4). */
  async firmwareSlots(options?: LogOptions): Promise<FirmwareSlots> {
    return parseFirmwareSlots(await this.read(LogId.FIRMWARE_SLOT, SLOT_LOG_BYTES, options));
  }

  /** Changed Namespace List (5.16.1.5): the namespaces that changed since it was last read. A read clears it. */
  async changedNamespaces(options?: LogOptions): Promise<ChangedNamespaces> {
    return parseChangedNamespaces(await this.read(LogId.CHANGED_NAMESPACES, LIST_BYTES, options));
  }

  /** Commands Supported and Effects (5.16.1.6), by opcode. It has the commands that the controller supports. */
  async effects(options?: LogOptions): Promise<CommandEffects> {
    return parseEffects(await this.read(LogId.COMMANDS_AND_EFFECTS, LIST_BYTES, options));
  }

  /** How many bytes to read with each command. */
  #partFor(lid: number, bytes: number, offset: number): number {
    const { identity, maxDataBytes } = this.#source;
    const extended = (identity.lpa & LPA_EXTENDED) !== 0;
    const longest = extended ? maxDataBytes : Math.min(maxDataBytes, MAX_DWORDS_WITHOUT_LPA * 4);
    if (!extended && (offset > 0 || bytes > longest)) {
      const what = `${bytes} bytes at ${offset} of log page 0x${lid.toString(16)}`;
      const message = `The controller cannot return ${what}: it has no offsets (LPA bit 2)`;
      throw new NvmeError('ERR_NVME_UNSUPPORTED', message);
    }
    return Math.min(bytes, longest);
  }
}

function checkDwords(what: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least && value % 4 === 0) return;
  throw new RangeError(
    `Expected ${what} to be a multiple of 4, at least ${least}, but received ${value}`,
  );
}
