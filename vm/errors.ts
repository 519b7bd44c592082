// SPDX-License-Identifier: MIT
// VmError: the test machine itself failed, not the command inside it.

export type VmErrorCode =
  /** Something is missing on the host: QEMU, a kernel image, a program. */
  | 'ERR_VM_MISSING'
  /** QEMU refused to start: its words are in the message. */
  | 'ERR_VM_QEMU'
  /** The guest did not come up. */
  | 'ERR_VM_BOOT'
  /** The guest came up and could not run the command, or the one to prepare it failed. */
  | 'ERR_VM_GUEST'
  /** The guest's kernel panicked, or the guest ended, before the command did. */
  | 'ERR_VM_DIED'
  /** A signal that we did not send ended QEMU before the command ended. */
  | 'ERR_VM_CRASHED'
  /** The time limit was reached; the guest was killed. */
  | 'ERR_VM_TIME';

export class VmError extends Error {
  readonly code: VmErrorCode;
  /** The guest's kernel log and console; once the guest was up, without the boot. */
  readonly kernelLog: string;

  constructor(code: VmErrorCode, message: string, kernelLog = '') {
    super(message);
    this.name = 'VmError';
    this.code = code;
    this.kernelLog = kernelLog;
  }
}
