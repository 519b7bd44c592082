// SPDX-License-Identifier: MIT
// The data structures of Identify (NVMe Base Specification 2.0, 5.17.2; NVM Command Set 1.0, 4.1.5).
import { ERROR_ENTRIES } from './logs.js';
import type { NvmeModelNamespace, NvmeNamespaces } from './namespaces.js';
import type { Settings } from './options.js';

const BYTES = 4096;
/** VS and VER: 2.0.0. */
export const VERSION = 0x0002_0000;

/** The vendor that the model reports: Red Hat's number for QEMU's devices, and no IEEE OUI. */
const VENDOR = 0x1b36;
/** OAES bit 8: it reports changed namespaces. */
const NAMESPACE_NOTICES = 1 << 8;
/** LPA bits 1 and 2: it has the effects log, and log pages can be read in parts. */
const LOG_ATTRIBUTES = 0b110;
/** FRMW: one firmware slot, which cannot be written. */
const FIRMWARE_UPDATES = 0b11;
/** ONCS: Compare, Dataset Management, Write Zeroes, and the select field of Get Features. */
const OPTIONAL_COMMANDS = 0b1_1101;
/** VWC: there is a write cache, and Flush accepts all namespaces at once. */
const WRITE_CACHE = 0b111;
const IO_CONTROLLER = 1;

/** CNS 01h. */
export function controllerData(settings: Settings): Uint8Array {
  const [bytes, view] = empty();
  view.setUint16(0, VENDOR, true);
  view.setUint16(2, VENDOR, true);
  putText(bytes, 4, settings.serial.padEnd(20));
  putText(bytes, 24, settings.model.padEnd(40));
  putText(bytes, 64, settings.firmware.padEnd(8));
  view.setUint8(77, settings.mdts);
  view.setUint32(80, VERSION, true);
  view.setUint32(88, settings.shutdownLatency, true);
  view.setUint32(92, NAMESPACE_NOTICES, true);
  view.setUint8(111, IO_CONTROLLER);
  view.setUint8(258, settings.aborts - 1);
  view.setUint8(259, settings.eventRequests - 1);
  view.setUint8(260, FIRMWARE_UPDATES);
  view.setUint8(261, LOG_ATTRIBUTES);
  view.setUint8(262, ERROR_ENTRIES - 1);
  // WCTEMP and CCTEMP, in kelvins.
  view.setUint16(266, 343, true);
  view.setUint16(268, 373, true);
  // SQES and CQES: the required and the largest size of the entries are 64 and 16 bytes.
  view.setUint8(512, 0x66);
  view.setUint8(513, 0x44);
  view.setUint32(516, settings.maxNamespaces, true);
  view.setUint16(520, OPTIONAL_COMMANDS, true);
  view.setUint8(525, WRITE_CACHE);
  view.setUint32(540, settings.maxNamespaces, true);
  putText(bytes, 768, `nqn.2014-08.org.nvmexpress:model:${settings.serial}`);
  return bytes;
}

/** CNS 00h. An inactive namespace is all zeros. */
export function namespaceData(namespace: NvmeModelNamespace | undefined): Uint8Array {
  const [bytes, view] = empty();
  if (namespace === undefined) return bytes;
  const { nsid, blocks, blockBytes, boundary, metadataBytes } = namespace;
  for (const at of [0, 8, 16]) view.setBigUint64(at, BigInt(blocks), true);
  // DLFEAT: deallocated blocks read as zeros.
  view.setUint8(33, 1);
  view.setUint16(46, boundary, true);
  view.setBigUint64(112, BigInt(nsid), false);
  view.setBigUint64(120, eui64(nsid), false);
  // One format, number 0: MS and LBADS.
  view.setUint16(128, metadataBytes, true);
  view.setUint8(130, Math.log2(blockBytes));
  return bytes;
}

/** CNS 02h and 07h: the identifiers above `after`, in ascending order. */
export function namespaceList(
  namespaces: NvmeNamespaces,
  after: number,
  commandSet?: number,
): Uint8Array {
  const [bytes, view] = empty();
  const listed = namespaces.ids.filter((nsid) => {
    const ofSet = commandSet === undefined || namespaces.get(nsid)?.commandSet === commandSet;
    return nsid > after && ofSet;
  });
  for (const [index, nsid] of listed.slice(0, BYTES / 4).entries()) {
    view.setUint32(4 * index, nsid, true);
  }
  return bytes;
}

/** CNS 03h: EUI64, NGUID and the command set of a namespace. */
export function descriptorList({ nsid, commandSet }: NvmeModelNamespace): Uint8Array {
  const [bytes, view] = empty();
  let at = 0;
  const descriptor = (type: number, length: number): number => {
    view.setUint8(at, type);
    view.setUint8(at + 1, length);
    const content = at + 4;
    at = content + length;
    return content;
  };
  view.setBigUint64(descriptor(1, 8), eui64(nsid), false);
  view.setBigUint64(descriptor(2, 16) + 8, BigInt(nsid), false);
  view.setUint8(descriptor(4, 1), commandSet);
  return bytes;
}

/** CNS 08h: what does not depend on the command set. NSTAT: the namespace is ready. */
export function independentData(): Uint8Array {
  const [bytes] = empty();
  bytes[14] = 1;
  return bytes;
}

/** CNS 05h and 06h for the NVM command set: the model reports no limits of their own for single commands. */
export function commandSetData(): Uint8Array {
  return empty()[0];
}

/** CNS 1Ch: the only combination of command sets is the NVM command set. */
export function commandSets(): Uint8Array {
  const [bytes] = empty();
  bytes[0] = 1;
  return bytes;
}

/** A number that no vendor was given, with the namespace in it. */
function eui64(nsid: number): bigint {
  return 0x0200_0000_0000_0000n | BigInt(nsid);
}

function empty(): [Uint8Array, DataView] {
  const bytes = new Uint8Array(BYTES);
  return [bytes, new DataView(bytes.buffer)];
}

function putText(bytes: Uint8Array, at: number, text: string): void {
  bytes.set(new TextEncoder().encode(text), at);
}
