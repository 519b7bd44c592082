// SPDX-License-Identifier: MIT
// Reads the answers of Identify (NVMe Base Specification 2.0, 5.17.2; NVM Command Set 1.0, 4.1.5). These functions
// take a copy of the data: the device could change the original as they read it.

export interface ControllerIdentity {
  /** PCI Vendor ID. */
  readonly vid: number;
  /** PCI Subsystem Vendor ID. */
  readonly ssvid: number;
  /** Serial Number. */
  readonly sn: string;
  /** Model Number. */
  readonly mn: string;
  /** Firmware Revision. */
  readonly fr: string;
  /** IEEE OUI Identifier. */
  readonly ieee: number;
  /** Maximum Data Transfer Size: 2 ^ mdts pages of CAP.MPSMIN; 0 means no limit. */
  readonly mdts: number;
  /** Controller ID. */
  readonly cntlid: number;
  /** Version, as the register VS. */
  readonly ver: number;
  /** RTD3 Entry Latency in microseconds: how long a shutdown may take; 0 means not reported. */
  readonly rtd3e: number;
  /** Number of Namespaces. */
  readonly nn: number;
  /** Volatile Write Cache: bit 0 is set if there is one. */
  readonly vwc: number;
  /** Required (bits 3:0) and maximum submission queue entry size, powers of two. */
  readonly sqes: number;
  readonly cqes: number;
  /** Total NVM Capacity in bytes; 0 means not reported. */
  readonly tnvmcap: bigint;
  /** NVM Subsystem NVMe Qualified Name. */
  readonly subnqn: string;
}

export interface NamespaceIdentity {
  readonly nsid: number;
  /** Namespace Size, Capacity and Utilization in logical blocks. */
  readonly nsze: bigint;
  readonly ncap: bigint;
  readonly nuse: bigint;
  /** The formatted LBA size in bytes (2 ^ LBADS). */
  readonly blockBytes: number;
  /** Metadata bytes per block (MS). */
  readonly metadataBytes: number;
}

export function parseController(data: Uint8Array): ControllerIdentity {
  const view = viewOf(data);
  return {
    vid: view.getUint16(0, true),
    ssvid: view.getUint16(2, true),
    sn: ascii(data, 4, 24),
    mn: ascii(data, 24, 64),
    fr: ascii(data, 64, 72),
    ieee: view.getUint16(73, true) | (view.getUint8(75) << 16),
    mdts: view.getUint8(77),
    cntlid: view.getUint16(78, true),
    ver: view.getUint32(80, true),
    rtd3e: view.getUint32(88, true),
    tnvmcap: view.getBigUint64(280, true) | (view.getBigUint64(288, true) << 64n),
    sqes: view.getUint8(512),
    cqes: view.getUint8(513),
    nn: view.getUint32(516, true),
    vwc: view.getUint8(525),
    subnqn: ascii(data, 768, 1024),
  };
}

export function parseNamespace(nsid: number, data: Uint8Array): NamespaceIdentity {
  const view = viewOf(data);
  const flbas = view.getUint8(26);
  // Bits 6:5 are the upper bits of the format index. They are zero if there are 16 formats or fewer.
  const format = (flbas & 0xf) | ((flbas >> 1) & 0x30);
  const lbaf = 128 + 4 * format;
  const lbads = view.getUint8(lbaf + 2);
  return {
    nsid,
    nsze: view.getBigUint64(0, true),
    ncap: view.getBigUint64(8, true),
    nuse: view.getBigUint64(16, true),
    blockBytes: 2 ** lbads,
    metadataBytes: view.getUint16(lbaf, true),
  };
}

/** The active namespace list: ascending identifiers, and a zero at the end. */
export function parseNamespaceList(data: Uint8Array): number[] {
  const view = viewOf(data);
  const ids: number[] = [];
  for (let at = 0; at < data.byteLength; at += 4) {
    const nsid = view.getUint32(at, true);
    if (nsid === 0) break;
    ids.push(nsid);
  }
  return ids;
}

/** A value of VS or VER in the usual notation: `1.4`, `1.2.1`. */
export function versionText(version: number): string {
  const tertiary = version & 0xff;
  const text = `${version >>> 16}.${(version >>> 8) & 0xff}`;
  return tertiary === 0 ? text : `${text}.${tertiary}`;
}

/** Strings are ASCII, padded with spaces (SUBNQN: zeros). An unprintable character becomes a dot. */
function ascii(data: Uint8Array, from: number, to: number): string {
  const text = String.fromCharCode(...data.subarray(from, to));
  return text.replace(/[\0 ]+$/, '').replace(/[^\x20-\x7e]/g, '.');
}

function viewOf(data: Uint8Array): DataView {
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}
