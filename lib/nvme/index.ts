// SPDX-License-Identifier: MIT
// The public API of `vfio/nvme`. It is not stable before version 1.0 of the package.

export type { Command } from './commands.js';
export { Controller, type ControllerOptions, type QueueLoan } from './controller.js';
export { NvmeError, type NvmeErrorCode, NvmeStatusError } from './errors.js';
export { type ControllerIdentity, type NamespaceIdentity, versionText } from './identify.js';
export { type BorrowedQueue, borrowQueue, type QueueOffer } from './lent-queue.js';
export type { IoPath, Namespace } from './namespace.js';
export type { Done, QueuePair } from './queue.js';
export { type NvmeRegisters, REGISTERS } from './registers.js';
export { type Status, statusName } from './status.js';
