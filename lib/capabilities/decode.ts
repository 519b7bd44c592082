// SPDX-License-Identifier: MIT
// Decodes a capability that a walk has found: its name, and the fields of the kinds that have a decoder.
import { type AerCapability, aer } from './aer.js';
import { type AtsCapability, ats } from './ats.js';
import { Content } from './content.js';
import { type DvsecCapability, dvsec } from './dvsec.js';
import type { CapabilityHeader, Decode } from './header.js';
import { type MsiCapability, msi } from './msi.js';
import { type MsixCapability, msix } from './msix.js';
import { type CapabilityName, extendedNames, type Names, nameOf, standardNames } from './names.js';
import { type PciExpressCapability, pciExpress } from './pci-express.js';
import { type PowerManagementCapability, powerManagement } from './power-management.js';
import { type SerialNumberCapability, serialNumber } from './serial-number.js';
import { type SriovCapability, sriov } from './sriov.js';
import { type VendorCapability, vendor } from './vendor.js';
import { type VendorExtendedCapability, vendorExtended } from './vendor-extended.js';
import type { ConfigReader, Found } from './walk.js';

/** The kinds of capabilities that have fields of their own, by name. */
export interface TypedCapabilities {
  powerManagement: PowerManagementCapability;
  msi: MsiCapability;
  vendor: VendorCapability;
  pciExpress: PciExpressCapability;
  msix: MsixCapability;
  aer: AerCapability;
  serialNumber: SerialNumberCapability;
  vendorExtended: VendorExtendedCapability;
  ats: AtsCapability;
  sriov: SriovCapability;
  dvsec: DvsecCapability;
}

/** A capability without fields of its own: the library knows its name, or only its ID. */
export type PlainCapability = CapabilityHeader<
  Exclude<CapabilityName, keyof TypedCapabilities> | undefined
>;

/** A capability of a PCI function. Its `name` says which fields it has. */
export type Capability = TypedCapabilities[keyof TypedCapabilities] | PlainCapability;

/** The capability that has this name. */
export type CapabilityOf<Name extends CapabilityName> = Name extends keyof TypedCapabilities
  ? TypedCapabilities[Name]
  : CapabilityHeader<Name>;

const decoders: { [Name in keyof TypedCapabilities]: Decode<TypedCapabilities[Name]> } = {
  powerManagement,
  msi,
  vendor,
  pciExpress,
  msix,
  aer,
  serialNumber,
  vendorExtended,
  ats,
  sriov,
  dvsec,
};

/** Decodes a standard capability. Throws `ERR_VFIO_PROTOCOL` if it does not fit where it is. */
export function decodeStandard(config: ConfigReader, address: string, found: Found): Capability {
  return decode(standardNames, config, address, found);
}

/** Decodes an extended capability. Throws `ERR_VFIO_PROTOCOL` if it does not fit where it is. */
export function decodeExtended(config: ConfigReader, address: string, found: Found): Capability {
  return decode(extendedNames, config, address, found);
}

function decode(names: Names, config: ConfigReader, address: string, found: Found): Capability {
  const name = nameOf(names, found.id);
  const decoder = (decoders as Partial<Record<string, Decode<CapabilityHeader>>>)[name ?? ''];
  const fields = decoder?.(new Content(config, address, found));
  return { name, ...found, ...fields } as Capability;
}
