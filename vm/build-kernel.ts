// SPDX-License-Identifier: MIT
// `npm run vm:kernel`: builds the lab kernel from Debian's package of the kernel sources.
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { cached, withScratch } from '../tools/cache.js';
import { clearProgress, progress, sayEachMinute } from '../tools/progress.js';
import { runProgram } from '../tools/run-program.js';
import { distribution, hostSources, PrivateApt } from './apt.js';
import type { AptSource } from './apt-sources.js';
import { hasRelease, ofDistribution } from './apt-sources.js';
import { compileKernel } from './compile-kernel.js';
import { VmError } from './errors.js';
import { labCacheName, labConfigPath, labSource } from './lab-kernel.js';

/** Debian's own mirror, for hosts whose mirror belongs to another distribution or lacks the release. */
const DEBIAN = 'http://deb.debian.org/debian';
const DEBIAN_KEYS = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** The mirrors to search for the kernel sources: the host's own Debian mirror first, then Debian's. */
function sourceMirrors(): AptSource[] {
  const { id, codename } = distribution('the source of the lab kernel');
  const own = id === 'debian' ? ofDistribution(hostSources(), codename) : [];
  const mirrors = own.filter(hasRelease).slice(0, 1);
  const fields = mirrors[0]?.fields ?? { 'signed-by': DEBIAN_KEYS };
  if (mirrors.length === 0 && !existsSync(DEBIAN_KEYS)) {
    throw new VmError(
      'ERR_VM_MISSING',
      "cannot verify Debian's packages: Debian's keys are not installed. Run as root: apt-get install debian-archive-keyring",
    );
  }
  return [
    {
      uris: [...new Set([...mirrors.flatMap(({ uris }) => uris), DEBIAN])],
      suites: [labSource.suite],
      components: ['main'],
      fields,
    },
  ];
}

async function unpackSource(scratch: string): Promise<string> {
  progress('downloading the package lists');
  const apt = await PrivateApt.open(join(scratch, 'apt'), sourceMirrors());
  if (!(await apt.has(labSource.package))) {
    throw new VmError(
      'ERR_VM_MISSING',
      `cannot find the kernel sources: Debian's ${labSource.suite} has no package ${labSource.package}`,
    );
  }
  progress(`downloading ${labSource.package}`);
  const unpacked = await apt.unpack(labSource.package);
  progress('unpacking the kernel sources');
  await runProgram('tar', [
    '-xf',
    join(unpacked, 'usr/src', `${labSource.package}.tar.xz`),
    '-C',
    scratch,
  ]);
  return join(scratch, labSource.package);
}

async function configure(source: string, output: string): Promise<void> {
  progress('configuring the kernel');
  await runProgram('make', ['-C', source, `O=${output}`, 'allnoconfig'], {
    env: { KCONFIG_ALLCONFIG: labConfigPath },
  });
  const lost = lostSettings(
    readFileSync(labConfigPath, 'utf8'),
    readFileSync(join(output, '.config'), 'utf8'),
  );
  if (lost.length > 0) {
    throw new Error(
      `the kernel's configuration lacks ${lost.join(', ')}: \`make\` drops settings whose dependencies vm/lab.config does not enable`,
    );
  }
}

/** The settings that `make` drops silently, because a setting that they depend on is missing. */
function lostSettings(wanted: string, config: string): string[] {
  const lines = new Set(config.split('\n'));
  return wanted.split('\n').filter((line) => line.endsWith('=y') && !lines.has(line));
}

function buildKernel(): Promise<string> {
  return cached(labCacheName(), (image) =>
    withScratch(async (scratch) => {
      const source = await unpackSource(scratch);
      const output = join(scratch, 'build');
      await configure(source, output);
      await compileKernel(source, output);
      renameSync(join(output, 'arch/x86/boot/bzImage'), image);
    }),
  );
}

try {
  const image = await sayEachMinute(buildKernel);
  clearProgress();
  process.stdout.write(`${image}\n`);
} catch (error) {
  clearProgress();
  process.stderr.write(`vm:kernel: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
