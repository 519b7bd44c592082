// SPDX-License-Identifier: MIT
// runInVm: boots a kernel in QEMU, runs one command in it, and passes on its output.
import { clearProgress, say } from '../tools/progress.js';
import { MissingProgramError } from '../tools/run-program.js';
import { chooseAccelerator } from './accelerator.js';
import { VmError } from './errors.js';
import type { Kernel } from './kernel.js';
import { findKernel } from './kernels.js';
import type { VmOptions, VmResult } from './options.js';
import { type Accelerator, startQemu } from './qemu.js';
import { Run } from './run.js';
import { withRunFiles } from './run-files.js';

/** A boot takes a few seconds. One that takes this long hangs, however busy the host is. */
const BOOT_LIMIT_SECONDS = 60;
/**
 * On a busy host, about one of a hundred boots fails, because software emulation loses an interrupt or QEMU crashes.
 * The command has not started by then, so booting again is safe.
 */
const BOOT_ATTEMPTS = 3;
/** The limit for the trial boot under KVM, where a boot takes one or two seconds. */
const PROBE_LIMIT_SECONDS = 20;

/**
 * Boots the test machine, runs a command in it and ends it. Rejects with {@link VmError} if the machine fails. A failed
 * command is a result, not an error. While it runs, SIGINT, SIGTERM and SIGHUP end the guest and this process.
 */
export async function runInVm(options: VmOptions): Promise<VmResult> {
  try {
    return await bootAndRun(options);
  } catch (error) {
    if (!(error instanceof MissingProgramError)) throw error;
    throw new VmError('ERR_VM_MISSING', error.message);
  }
}

async function bootAndRun(options: VmOptions): Promise<VmResult> {
  const kernel = await findKernel(options.kernel);
  const accelerator = await chooseAccelerator((candidate) => comesUp(kernel, candidate));
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(kernel, accelerator, options, BOOT_LIMIT_SECONDS);
    } catch (error) {
      const worthAnother = error instanceof VmError && error.code === 'ERR_VM_BOOT';
      if (!worthAnother || attempt === BOOT_ATTEMPTS) throw error;
      say(`vm: ${error.message}; booting again (attempt ${attempt + 1} of ${BOOT_ATTEMPTS})`);
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
    // A missing program or a full disk on the host says nothing about the accelerator.
    if (!(error instanceof VmError) || error.code === 'ERR_VM_MISSING') throw error;
    return false;
  }
}
