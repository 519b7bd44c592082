// SPDX-License-Identifier: MIT
// Builds process 1 of the guest from vm/init, once per version of its sources.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cached, hash } from '../tools/cache.js';
import { projectRoot } from '../tools/paths.js';
import { runProgram } from '../tools/run-program.js';
import { VmError } from './errors.js';

// Statically linked, because no library exists yet when it runs. Small, because each boot unpacks it.
const FLAGS = ['-D_GNU_SOURCE', '-std=gnu11', '-static', '-Os', '-s', '-Wall', '-Wextra'];

export async function buildInit(): Promise<Buffer> {
  const directory = join(projectRoot, 'vm/init');
  const names = readdirSync(directory).sort();
  const paths = names.map((name) => join(directory, name));
  const key = hash(FLAGS.join(' '), ...paths.map((path) => readFileSync(path)));
  const sources = paths.filter((path) => path.endsWith('.c'));
  const path = await cached(`init/${key}`, async (output) => {
    await runProgram('gcc', [...FLAGS, '-o', output, ...sources]).catch(explain);
  });
  return readFileSync(path);
}

function explain(error: Error): never {
  if (!/cannot find -lc\b/.test(error.message)) throw error;
  throw new VmError(
    'ERR_VM_MISSING',
    "cannot build the guest's init: it is linked statically, and no static C library is installed. Install libc6-dev (Debian) or glibc-static (Fedora)",
  );
}
