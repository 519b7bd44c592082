// SPDX-License-Identifier: MIT
// The public API of the package: everything that a program can import.

export { type AdoptedDevice, type AdoptedDeviceEvents, adopt } from './adopted-device.js';
export type { AffectedDevice } from './affected-device.js';
export type { Batch, BatchCommand } from './batch.js';
export { type Binding, type BindOptions, bindDevice } from './bind.js';
export type { AerCapability } from './capabilities/aer.js';
export type { AtsCapability } from './capabilities/ats.js';
export type {
  Capability,
  CapabilityOf,
  PlainCapability,
  TypedCapabilities,
} from './capabilities/decode.js';
export type { DvsecCapability } from './capabilities/dvsec.js';
export type { CapabilityHeader } from './capabilities/header.js';
export type { MsiCapability } from './capabilities/msi.js';
export type { BarArea, MsixCapability } from './capabilities/msix.js';
export type { CapabilityName } from './capabilities/names.js';
export type {
  PciExpressCapability,
  PciExpressLink,
  PciExpressType,
} from './capabilities/pci-express.js';
export type { PowerManagementCapability, PowerState } from './capabilities/power-management.js';
export type { SerialNumberCapability } from './capabilities/serial-number.js';
export type { SriovCapability } from './capabilities/sriov.js';
export type { VendorCapability } from './capabilities/vendor.js';
export type { VendorExtendedCapability } from './capabilities/vendor-extended.js';
export type { ConfigSpace } from './config-space.js';
export {
  Container,
  type ContainerInfo,
  type Device,
  type Group,
  type IovaRange,
} from './container.js';
export type { DeviceEvents, InterruptOptions } from './device.js';
export type { DeviceInfo } from './device-info.js';
export type { DmaBuffer } from './dma.js';
export type { DmaDirection, DmaOptions } from './dma-options.js';
export type { Doorbell } from './doorbell.js';
export {
  type ArgumentErrorCode,
  type ErrnoCode,
  type ErrorCode,
  VfioError,
  type VfioErrorCode,
} from './errors.js';
export { findDevice } from './find-device.js';
export type { Grant, GrantOptions } from './grant.js';
export type { Interrupt, InterruptListener, OnceOptions } from './interrupt.js';
export type { InterruptInfo, InterruptType } from './interrupts/types.js';
export type { InterruptSet } from './interrupts.js';
export { type OpenOptions, openDevice } from './open.js';
export type { DescriptorOptions, OpenDeviceOptions } from './open-options.js';
export { type DeviceFilter, listDevices, type PciDevice } from './pci.js';
export type { AccessArray, PollOptions, Region } from './region.js';
export type { MappableArea, RegionInfo } from './region-info.js';
export {
  type AccessTrace,
  bindRegisters,
  bindStructs,
  defineRegisters,
  describeAll,
  type FieldAccess,
  type FieldBits,
  type FieldDefinition,
  type FieldSpec,
  type MemorySpace,
  type Register,
  type RegisterAccess,
  type RegisterArray,
  type RegisterDefinition,
  type RegisterFields,
  type RegisterHalves,
  type RegisterMap,
  type RegisterSpace,
  type RegisterSpec,
  type RegisterSpecs,
  type Registers,
  type RegisterValue,
  type RegisterWidth,
  type StructArray,
  type StructPlaces,
  traced,
} from './registers.js';
export { type Released, releaseDevice } from './release.js';
