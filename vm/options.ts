// SPDX-License-Identifier: MIT
// The options and the result of one run of the test machine.
import type { Writable } from 'node:stream';

export interface VmOptions {
  /** `lab`, `distro`, `distro-backports`, or the path of a kernel image with everything built in. */
  readonly kernel: string;
  /** The program and its arguments. The guest's PATH begins with the directory of this Node. */
  readonly command: readonly string[];
  /** Variables to add to those that every command gets: PATH, HOME, LANG and the `VFIO_VM_*` variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** The folder in which the command starts. It has the same path and contents in the guest. Default: the checkout. */
  readonly cwd?: string;
  /** Runs the command as this uid and gid, without capabilities. Default: root. */
  readonly user?: number;
  /** A command to run as root first. Its output goes to stderr. If it fails, the run fails. */
  readonly prepare?: readonly string[];
  /** The seconds that the command may take. After that, the guest is killed and the run fails. Default: no limit. */
  readonly time?: number;
  /** Whether the guest's kernel uses the machine's IOMMU. Default: true. */
  readonly iommu?: boolean;
  /** More arguments for QEMU. */
  readonly qemuArguments?: readonly string[];
  /**
   * The path of the raw image behind the NVMe controller. If the file does not exist, it is created as a sparse file of
   * 1 GiB. Default: an empty image that is removed with the machine.
   */
  readonly disk?: string;
  /** Receives the command's output, byte for byte. Default: the output is dropped. */
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  /** Called with each line that a guest program writes to the file that VFIO_VM_RESULTS names. */
  readonly onResult?: (line: string) => void;
}

export interface VmResult {
  /** The command's exit status, or null if a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The guest's kernel log, as dmesg prints it. */
  readonly kernelLog: string;
  /** The part of it that matters if the command failed: everything since the command started. */
  readonly briefKernelLog: string;
}
