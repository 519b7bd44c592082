// SPDX-License-Identifier: MIT
// The NVMe controller for tests: everything that a test can import. It is not stable before version 1.0 of the package.

export type {
  AllOnesFault,
  DuplicatedFault,
  FatalFault,
  HungFault,
  LateFault,
  LostFault,
  NvmeCommandFault,
  NvmeCommandFilter,
  NvmeFault,
  NvmeFaultPlace,
  NvmeInjection,
  NvmeStateChange,
  RemovedFault,
  ReorderedFault,
  SilentFault,
  StatusFault,
  StuckFault,
  WrongIdFault,
  WrongQueueFault,
} from './faults.js';
export type { NvmeHost } from './host.js';
export { NvmeModel } from './model.js';
export type { NvmeModelNamespace, NvmeNamespaceOptions, NvmeNamespaces } from './namespaces.js';
export type { NvmeModelOptions } from './options.js';
export { FileStorage, MemoryStorage, type NvmeStorage } from './storage.js';
