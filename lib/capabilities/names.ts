// SPDX-License-Identifier: MIT
// The names of the capabilities, by ID (PCI Code and ID Assignment Specification 1.16, sections 2 and 3).

/** The standard capabilities. */
export const standardNames = [
  [0x00, 'null'],
  [0x01, 'powerManagement'],
  [0x02, 'agp'],
  [0x03, 'vitalProductData'],
  [0x04, 'slotIdentification'],
  [0x05, 'msi'],
  [0x06, 'compactPciHotSwap'],
  [0x07, 'pciX'],
  [0x08, 'hyperTransport'],
  [0x09, 'vendor'],
  [0x0a, 'debugPort'],
  [0x0b, 'compactPciResourceControl'],
  [0x0c, 'hotPlug'],
  [0x0d, 'bridgeSubsystem'],
  [0x0e, 'agp8x'],
  [0x0f, 'secureDevice'],
  [0x10, 'pciExpress'],
  [0x11, 'msix'],
  [0x12, 'sata'],
  [0x13, 'advancedFeatures'],
  [0x14, 'enhancedAllocation'],
  [0x15, 'flatteningPortalBridge'],
] as const;

/** The extended capabilities. */
export const extendedNames = [
  [0x0000, 'nullExtended'],
  [0x0001, 'aer'],
  [0x0002, 'virtualChannel'],
  [0x0003, 'serialNumber'],
  [0x0004, 'powerBudgeting'],
  [0x0005, 'rootComplexLinkDeclaration'],
  [0x0006, 'rootComplexInternalLinkControl'],
  [0x0007, 'rootComplexEventCollector'],
  [0x0008, 'multiFunctionVirtualChannel'],
  [0x0009, 'virtualChannelWithMfvc'],
  [0x000a, 'rootComplexRegisterBlock'],
  [0x000b, 'vendorExtended'],
  [0x000c, 'configurationAccessCorrelation'],
  [0x000d, 'acs'],
  [0x000e, 'ari'],
  [0x000f, 'ats'],
  [0x0010, 'sriov'],
  [0x0011, 'mriov'],
  [0x0012, 'multicast'],
  [0x0013, 'pri'],
  [0x0015, 'resizableBar'],
  [0x0016, 'dynamicPowerAllocation'],
  [0x0017, 'tph'],
  [0x0018, 'ltr'],
  [0x0019, 'secondaryPciExpress'],
  [0x001a, 'protocolMultiplexing'],
  [0x001b, 'pasid'],
  [0x001c, 'lightweightNotification'],
  [0x001d, 'dpc'],
  [0x001e, 'l1Substates'],
  [0x001f, 'ptm'],
  [0x0020, 'mPcie'],
  [0x0021, 'frsQueueing'],
  [0x0022, 'readinessTime'],
  [0x0023, 'dvsec'],
  [0x0024, 'vfResizableBar'],
  [0x0025, 'dataLinkFeature'],
  [0x0026, 'physicalLayer16'],
  [0x0027, 'laneMargining'],
  [0x0028, 'hierarchyId'],
  [0x0029, 'npem'],
  [0x002a, 'physicalLayer32'],
  [0x002b, 'alternateProtocol'],
  [0x002c, 'systemFirmwareIntermediary'],
  [0x002d, 'shadowFunctions'],
  [0x002e, 'dataObjectExchange'],
  [0x002f, 'device3'],
  [0x0030, 'ide'],
  [0x0031, 'physicalLayer64'],
] as const;

/** The name of a standard capability. */
export type StandardName = (typeof standardNames)[number][1];
/** The name of an extended capability. */
export type ExtendedName = (typeof extendedNames)[number][1];
/** The name of a capability, for {@link ConfigSpace.capability}. */
export type CapabilityName = StandardName | ExtendedName;

/** The names of one of the two lists. */
export type Names = readonly (readonly [id: number, name: CapabilityName])[];

/** Returns the ID that has a name in a list of names. */
export function idOf(names: Names, name: string): number | undefined {
  return names.find((each) => each[1] === name)?.[0];
}

/** Returns the name that an ID has in a list of names. */
export function nameOf(names: Names, id: number): CapabilityName | undefined {
  return names.find((each) => each[0] === id)?.[1];
}
