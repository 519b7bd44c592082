// SPDX-License-Identifier: MIT
// PCI Express: the type of the function, its payload sizes and its link.
import type { Content } from './content.js';
import type { CapabilityHeader, Decode } from './header.js';

/** The types by their number in the capabilities register. */
const types = [
  'endpoint',
  'legacyEndpoint',
  undefined,
  undefined,
  'rootPort',
  'upstreamPort',
  'downstreamPort',
  'pciExpressToPciBridge',
  'pciToPciExpressBridge',
  'integratedEndpoint',
  'eventCollector',
] as const;

/** The type of a PCI Express function (device/port type). */
export type PciExpressType = NonNullable<(typeof types)[number]>;

/** The link of a PCI Express function. A speed is in GT/s; it is undefined if its code is not known. */
export interface PciExpressLink {
  /** The speed of the link now. Undefined for a virtual function: only its physical function says it. */
  readonly speed: number | undefined;
  /** The number of lanes in use now; 0 for a virtual function. */
  readonly width: number;
  /** The highest speed of this end of the link. */
  readonly maxSpeed: number | undefined;
  /** The most lanes of this end of the link. */
  readonly maxWidth: number;
}

/**
 * PCI Express (PCI Express Base 6.0, section 7.5.3; `PCI_CAP_ID_EXP`, 0x10).
 *
 * vfio-pci makes two fields virtual. `maxPayload` is the value at the time of open until your program writes another,
 * and a write does not change the device. `maxReadRequest` reads as your program wrote it, but the kernel never
 * gives the device less than its payload size. A write of the FLR bit makes the kernel reset the device.
 */
export interface PciExpressCapability extends CapabilityHeader<'pciExpress'> {
  /** The type of the function; undefined if its number is not known. */
  readonly type: PciExpressType | undefined;
  /** The largest payload of one packet that the function may use now, in bytes (MPS). */
  readonly maxPayload: number;
  /** The largest payload that the function supports, in bytes. */
  readonly maxPayloadSupported: number;
  /** The most bytes that one read request of the function asks for (MRRS). */
  readonly maxReadRequest: number;
  /** Whether the function can be reset alone (FLR). */
  readonly functionLevelReset: boolean;
  /** The link; undefined for functions without one, which are part of the root complex. */
  readonly link: PciExpressLink | undefined;
}

/** The link speeds by their code, in GT/s. */
const speeds = [undefined, 2.5, 5, 8, 16, 32, 64];
const linkless: readonly (PciExpressType | undefined)[] = ['integratedEndpoint', 'eventCollector'];

export const pciExpress: Decode<PciExpressCapability> = (content) => {
  const type = types[(content.u16(0x02) >>> 4) & 0xf];
  const [capabilities, control] = [content.u32(0x04), content.u16(0x08)];
  return {
    type,
    maxPayload: 128 << ((control >>> 5) & 0x7),
    maxPayloadSupported: 128 << (capabilities & 0x7),
    maxReadRequest: 128 << ((control >>> 12) & 0x7),
    functionLevelReset: (capabilities & 0x1000_0000) !== 0,
    link: linkless.includes(type) ? undefined : link(content),
  };
};

function link(content: Content): PciExpressLink {
  const [most, now] = [content.u32(0x0c), content.u16(0x12)];
  return {
    speed: speeds[now & 0xf],
    width: (now >>> 4) & 0x3f,
    maxSpeed: speeds[most & 0xf],
    maxWidth: (most >>> 4) & 0x3f,
  };
}
