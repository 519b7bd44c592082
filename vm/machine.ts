// SPDX-License-Identifier: MIT
// The test machine: boots a kernel in QEMU, runs one command in it, and hands over what it wrote.
import type { Writable } from 'node:stream';
import { chooseAccelerator } from './accelerator.js';
import { VmError } from './errors.js';
import type { Kernel } from './kernel.js';
import { findKernel } from './kernels.js';
import { clearProgress, say } from './progress.js';
import { type Accelerator, startQemu } from './qemu.js';
import { Run } from './run.js';
import { withRunFiles } from './run-files.js';

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

/** A boot takes a few seconds; one that takes this long on the busiest of hosts hangs. */
const BOOT_LIMIT_SECONDS = 60;
/**
 * On a busy host, software emulation loses an interrupt in one of a hundred boots, or QEMU crashes.
 * Nothing of the command has run by then, so booting again is safe.
 */
const BOOT_ATTEMPTS = 3;
/** Under KVM, which this is for, a boot takes one or two. */
const PROBE_LIMIT_SECONDS = 20;

/**
 * Boots the test machine, runs a command in it and ends it. Rejects with {@link VmError} when the
 * machine fails; a command that fails is a result. While it runs, SIGINT, SIGTERM and SIGHUP end the
 * guest and this process.
 */
export async function runInVm(options: VmOptions): Promise<VmResult> {
  const kernel = await findKernel(options.kernel);
  const accelerator = await chooseAccelerator((candidate) => comesUp(kernel, candidate));
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(kernel, accelerator, options, BOOT_LIMIT_SECONDS);
    } catch (error) {
      const worthAnother = error instanceof VmError && error.code === 'ERR_VM_BOOT';
      if (!worthAnother || attempt === BOOT_ATTEMPTS) throw error;
      say(`${error.message}; trying again`);
    }
  }
}

function start(
  kernel: Kernel,
  accelerator: Accelerator,
  options: VmOptions,
  bootLimit: number,
): Promise<VmResult> {
  return withRunFiles(kernel, options, (files) => {
    clearProgress();
    const { iommu = true, qemuArguments: extra = [] } = options;
    const qemu = startQemu({ accelerator, hotplug: kernel.hotplug, iommu, extra }, files);
    return new Run(qemu, options, bootLimit).finished;
  });
}

async function comesUp(kernel: Kernel, accelerator: Accelerator): Promise<boolean> {
  const options = { kernel: kernel.image, command: ['true'] };
  try {
    return (await start(kernel, accelerator, options, PROBE_LIMIT_SECONDS)).status === 0;
  } catch (error) {
    // What is missing or full on the host says nothing about the accelerator.
    if (!(error instanceof VmError) || error.code === 'ERR_VM_MISSING') throw error;
    return false;
  }
}
