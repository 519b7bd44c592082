// SPDX-License-Identifier: MIT
// Reads the answers of Identify (NVMe Base Specification 2.0, 5.17.2; NVM Command Set 1.0, 4.1.5). These functions
// take a copy of the data: the device could change the original as they read it.
import { ascii, hex, uint128, viewOf } from './bytes.js';

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
  /** Optional Asynchronous Events Supported: bits as in the feature Asynchronous Event Configuration. */
  readonly oaes: number;
  /** Controller Type: 1 I/O, 2 discovery, 3 administrative; 0 means not reported. */
  readonly cntrltype: number;
  /** Optional Admin Command Support, a bit for each command. */
  readonly oacs: number;
  /** Abort Command Limit, 0's based: how many aborts the controller accepts at the same time. */
  readonly acl: number;
  /** Asynchronous Event Request Limit, 0's based. */
  readonly aerl: number;
  /** Firmware Updates: bits 3:1 are the number of slots. */
  readonly frmw: number;
  /** Log Page Attributes: bit 1 is Commands Supported and Effects, bit 2 is offsets and long reads. */
  readonly lpa: number;
  /** Error Log Page Entries, 0's based. */
  readonly elpe: number;
  /** Number of Power States Support, 0's based. */
  readonly npss: number;
  /** Warning and Critical Composite Temperature Threshold in kelvin; 0 means not reported. */
  readonly wctemp: number;
  readonly cctemp: number;
  /** Keep Alive Support: the granularity in units of 100 ms; 0 means no keep alive. */
  readonly kas: number;
  /** Number of Namespaces. */
  readonly nn: number;
  /** Optional NVM Command Support, a bit for each command. */
  readonly oncs: number;
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
  /** Namespace Features. */
  readonly nsfeat: number;
  /** Namespace Optimal I/O Boundary in logical blocks; 0 means none. */
  readonly noiob: number;
  /** Namespace Globally Unique Identifier in hexadecimal; only zeros mean none. */
  readonly nguid: string;
  /** IEEE Extended Unique Identifier in hexadecimal; only zeros mean none. */
  readonly eui64: string;
}

/** An entry of the Namespace Identification Descriptor list (5.17.2.4). */
export interface NamespaceDescriptor {
  /** Namespace Identifier Type: 1 EUI64, 2 NGUID, 3 UUID, 4 CSI. */
  readonly nidt: number;
  /** The name of the type; undefined for a type that this version does not know. */
  readonly type: 'EUI64' | 'NGUID' | 'UUID' | 'CSI' | undefined;
  /** Namespace Identifier in hexadecimal. */
  readonly nid: string;
}

/** By NIDT. */
const DESCRIPTOR_TYPES = [undefined, 'EUI64', 'NGUID', 'UUID', 'CSI'] as const;

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
    oaes: view.getUint32(92, true),
    cntrltype: view.getUint8(111),
    oacs: view.getUint16(256, true),
    acl: view.getUint8(258),
    aerl: view.getUint8(259),
    frmw: view.getUint8(260),
    lpa: view.getUint8(261),
    elpe: view.getUint8(262),
    npss: view.getUint8(263),
    wctemp: view.getUint16(266, true),
    cctemp: view.getUint16(268, true),
    tnvmcap: uint128(view, 280),
    kas: view.getUint16(320, true),
    sqes: view.getUint8(512),
    cqes: view.getUint8(513),
    nn: view.getUint32(516, true),
    oncs: view.getUint16(520, true),
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
    nsfeat: view.getUint8(24),
    noiob: view.getUint16(46, true),
    nguid: hex(data, 104, 120),
    eui64: hex(data, 120, 128),
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

/** The descriptors of a namespace: the list ends with a type of 0, with its page, or with one that overlaps the end. */
export function parseDescriptors(data: Uint8Array): NamespaceDescriptor[] {
  const descriptors: NamespaceDescriptor[] = [];
  for (let at = 0; at + 4 <= data.byteLength; ) {
    const [nidt = 0, nidl = 0] = data.subarray(at, at + 2);
    const end = at + 4 + nidl;
    if (nidt === 0 || nidl === 0 || end > data.byteLength) break;
    descriptors.push({ nidt, type: DESCRIPTOR_TYPES[nidt], nid: hex(data, at + 4, end) });
    at = end;
  }
  return descriptors;
}

/** A value of VS or VER in the usual notation: `1.4`, `1.2.1`. */
export function versionText(version: number): string {
  const tertiary = version & 0xff;
  const text = `${version >>> 16}.${(version >>> 8) & 0xff}`;
  return tertiary === 0 ? text : `${text}.${tertiary}`;
}
