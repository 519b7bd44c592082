// SPDX-License-Identifier: MIT
// Finds the lab kernel: our own small build of a recent kernel, with all of VFIO and no modules.
import { existsSync } from 'node:fs';
import { VmError } from './errors.js';

export function findLabKernel(): string {
  const chosen = process.env.VFIO_VM_KERNEL;
  if (chosen && existsSync(chosen)) return chosen;
  throw new VmError(
    'ERR_VM_MISSING',
    chosen
      ? `VFIO_VM_KERNEL names ${chosen}, which does not exist`
      : 'there is no lab kernel yet; npm run vm:kernel builds it (about 11 CPU minutes), or VFIO_VM_KERNEL names an image',
  );
}
