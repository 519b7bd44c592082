// SPDX-License-Identifier: MIT
// VmError: the test machine itself failed, not the command inside it.

export type VmErrorCode =
  /** Something is missing on the host: QEMU, a kernel image, a program. */
  | 'ERR_VM_MISSING'
  /** QEMU refused to start. The message has QEMU's reason. */
  | 'ERR_VM_QEMU'
  /** The guest did not boot. */
  | 'ERR_VM_BOOT'
  /** The guest booted but could not run the command, or the preparing command failed. */
  | 'ERR_VM_GUEST'
  /** The guest's kernel panicked, or the guest ended, before the command ended. */
  | 'ERR_VM_DIED'
  /** QEMU was ended by a signal that this program did not send, before the command ended. */
  | 'ERR_VM_CRASHED'
  /** The command reached its time limit, and the guest was killed. */
  | 'ERR_VM_TIME';

export class VmError extends Error {
  readonly code: VmErrorCode;
  /** The guest's kernel log and console. If the guest had booted, it leaves out the boot. */
  readonly kernelLog: string;

  constructor(code: VmErrorCode, message: string, kernelLog = '') {
    super(message);
    this.name = 'VmError';
    this.code = code;
    this.kernelLog = kernelLog;
  }
}
