// SPDX-License-Identifier: MIT
// The public API.

export { type AdoptedDevice, type AdoptedDeviceEvents, adopt } from './adopted-device.js';
export type { Batch, BatchCommand } from './batch.js';
export { type Binding, type BindOptions, bindDevice } from './bind.js';
export type { Capability, ConfigSpace } from './config-space.js';
export {
  Container,
  type ContainerInfo,
  type DescriptorOptions,
  type IovaRange,
} from './container.js';
export type {
  AffectedDevice,
  Device,
  DeviceEvents,
  DeviceInfo,
  InterruptOptions,
  OpenDeviceOptions,
} from './device.js';
export type { DmaBuffer, DmaDirection, DmaOptions } from './dma.js';
export type { Doorbell } from './doorbell.js';
export {
  type ArgumentErrorCode,
  type ErrnoCode,
  type ErrorCode,
  VfioError,
  type VfioErrorCode,
} from './errors.js';
export type { Grant, GrantOptions } from './grant.js';
export type { Group } from './group.js';
export type { Interrupt, InterruptListener, OnceOptions } from './interrupt.js';
export type { InterruptInfo, InterruptSet, InterruptType } from './interrupts.js';
export { type OpenOptions, openDevice } from './open.js';
export { type DeviceFilter, listDevices, type PciDevice } from './pci.js';
export type { AccessArray, MappableArea, PollOptions, Region, RegionInfo } from './region.js';
export {
  bindRegisters,
  defineRegisters,
  type FieldAccess,
  type FieldBits,
  type FieldDefinition,
  type FieldSpec,
  type Register,
  type RegisterAccess,
  type RegisterArray,
  type RegisterDefinition,
  type RegisterFields,
  type RegisterMap,
  type RegisterSpace,
  type RegisterSpec,
  type RegisterSpecs,
  type Registers,
  type RegisterValue,
  type RegisterWidth,
} from './registers.js';
export { type Released, releaseDevice } from './release.js';
