// SPDX-License-Identifier: MIT
// What a run of the test machine is given and what it gives back.
import type { Writable } from 'node:stream';

export interface VmOptions {
  /** `lab`, `distro`, `distro-backports`, or the path of a kernel image with everything built in. */
  readonly kernel: string;
  /** The program and its arguments; looked up on the guest's PATH, which begins with this Node's. */
  readonly command: readonly string[];
  /** Added to the few variables every command gets: PATH, HOME, LANG and the `VFIO_VM_*` ones. */
  readonly env?: Readonly<Record<string, string>>;
  /** It has the same path in the guest, with all that is in it. Default: the checkout. */
  readonly cwd?: string;
  /** Run as this uid and gid, without capabilities. Default: root. */
  readonly user?: number;
  /** A command run as root before; its output goes to stderr. The run fails when it does. */
  readonly prepare?: readonly string[];
  /** Seconds the command may take; then the guest is killed and the run fails. Default: no limit. */
  readonly time?: number;
  /** Whether the guest's kernel uses the machine's IOMMU. Default: it does. */
  readonly iommu?: boolean;
  /** More arguments for QEMU. */
  readonly qemuArguments?: readonly string[];
  /**
   * The raw image behind the NVMe controller; made, sparse and 1 GiB large, where it is missing.
   * Default: an empty one that goes away with the machine.
   */
  readonly disk?: string;
  /** Where the command's output goes, byte for byte. Default: nowhere. */
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  /** Called with each line that a guest program writes to the file named by VFIO_VM_RESULTS. */
  readonly onResult?: (line: string) => void;
}

export interface VmResult {
  /** The command's exit status, or null if a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The guest's kernel log, as dmesg prints it. */
  readonly kernelLog: string;
  /** What of it matters when a command failed: all since it started. */
  readonly briefKernelLog: string;
}
