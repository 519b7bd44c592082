// SPDX-License-Identifier: MIT
// The public API of `vfio/nvme`. It is not stable before version 1.0 of the package.

export {
  AdminOpcode,
  Cns,
  type Command,
  createCompletionQueue,
  createSubmissionQueue,
  type Direction,
  deleteCompletionQueue,
  deleteSubmissionQueue,
} from './commands.js';
export { Controller, type ControllerOptions, type QueueLoan } from './controller.js';
export type { BlockRange } from './deallocate.js';
export {
  NvmeError,
  type NvmeErrorCode,
  type NvmeErrorOptions,
  NvmeStatusError,
} from './errors.js';
export type { NvmeEvent } from './events.js';
export {
  FEATURES,
  type FeatureCapabilities,
  type FeatureFields,
  type FeatureName,
  type Features,
  type GetFeatureOptions,
  type SetFeatureOptions,
} from './features.js';
export {
  type ControllerIdentity,
  type NamespaceDescriptor,
  type NamespaceIdentity,
  versionText,
} from './identify.js';
export type { Identify } from './identity.js';
export { type BorrowedQueue, borrowQueue, type QueueOffer } from './lent-queue.js';
export type {
  ChangedNamespaces,
  CommandEffects,
  CriticalWarning,
  Effects,
  ErrorEntry,
  FirmwareSlots,
  HealthLog,
} from './log-pages.js';
export { LogId, type LogOptions, type Logs } from './logs.js';
export type { IoPath, Namespace, WriteZeroesOptions } from './namespace.js';
export type { DeviceMemory } from './prp.js';
export type { Done, QueuePair } from './queue.js';
export { type NvmeRegisters, REGISTERS } from './registers.js';
export { type Status, statusName } from './status.js';
