// SPDX-License-Identifier: MIT
// Chooses KVM where guests really come up under it, else software emulation. On many build machines /dev/kvm exists
// and opens, and guests still die: only a boot tells.
import { accessSync, constants, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { dirname, join } from 'node:path';
import { hash } from '../tools/cache.js';
import { cacheDirectory } from '../tools/paths.js';
import type { Accelerator } from './qemu.js';
import { findQemu } from './qemu.js';

/**
 * `boots` tries the accelerator; what it found is kept for this host, its kernel and this QEMU. It
 * rejects when it could not try: then nothing was found.
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

/** The processor's description, where it can run guests. */
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
