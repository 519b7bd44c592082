// SPDX-License-Identifier: MIT
// Chooses KVM if a guest boots under it, and software emulation otherwise. On many build machines /dev/kvm exists and
// can be opened, but guests still die. Only a trial boot shows that.
import { accessSync, constants, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { dirname, join } from 'node:path';
import { hash } from '../tools/cache.js';
import { cacheDirectory } from '../tools/paths.js';
import type { Accelerator } from './qemu.js';
import { findQemu } from './qemu.js';

/**
 * `boots` tries to boot under an accelerator. The result is cached for this processor, this kernel of the host and this
 * QEMU. If the trial itself fails, `boots` rejects, and nothing is cached.
 */
export async function chooseAccelerator(
  boots: (accelerator: Accelerator) => Promise<boolean>,
): Promise<Accelerator> {
  const cpu = virtualizingCpu();
  if (cpu === undefined || !mayUseKvm()) return 'tcg';
  const qemu = findQemu();
  const key = hash(cpu, release(), qemu, String(statSync(qemu).mtimeMs));
  const path = join(cacheDirectory(), 'accelerator', key);
  const known = statSync(path, { throwIfNoEntry: false }) && readFileSync(path, 'utf8');
  if (known === 'kvm' || known === 'tcg') return known;
  const found = (await boots('kvm')) ? 'kvm' : 'tcg';
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, found);
  return found;
}

/** The model name of the processor, if it has hardware virtualization (VT-x or AMD-V). */
function virtualizingCpu(): string | undefined {
  const info = readFileSync('/proc/cpuinfo', 'utf8');
  return /^flags\s*:.*\b(vmx|svm)\b/m.test(info) ? /^model name.*$/m.exec(info)?.[0] : undefined;
}

function mayUseKvm(): boolean {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
