// SPDX-License-Identifier: MIT
// What goes wrong with the test machine itself, as opposed to the command inside it.

export type VmErrorCode =
  /** Something is missing on the host: QEMU, a kernel image, a program. */
  | 'ERR_VM_MISSING'
  /** QEMU did not start, or ended by itself. */
  | 'ERR_VM_QEMU'
  /** The guest did not come as far as the command. */
  | 'ERR_VM_BOOT'
  /** The guest's kernel panicked or the guest ended. */
  | 'ERR_VM_DIED'
  /** The time limit was reached; the guest was killed. */
  | 'ERR_VM_TIME';

export class VmError extends Error {
  readonly code: VmErrorCode;
  /** The guest's kernel log as far as it got, with the console when the guest died. */
  readonly kernelLog: string;

  constructor(code: VmErrorCode, message: string, kernelLog = '') {
    super(message);
    this.name = 'VmError';
    this.code = code;
    this.kernelLog = kernelLog;
  }
}
