// SPDX-License-Identifier: MIT
// Programs that come from the distribution: installed where we may, else named.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { findProgram, run, SetupError } from './run.mjs';

/** @typedef {{ program: string, package: string, optional?: boolean }} Need `program`: or a header's path */

/** @type {readonly Need[]} */
const BUILD = [
  { program: 'python3', package: 'python3' },
  { program: 'make', package: 'make' },
  { program: 'g++', package: 'g++' },
];

/** @type {readonly Need[]} */
const MACHINE = [
  { program: 'qemu-system-x86_64', package: 'qemu-system-x86' },
  { program: 'mkfs.ext4', package: 'e2fsprogs' },
  // Only for looking around in the guest: no reason to refuse an ordinary user.
  { program: 'lspci', package: 'pciutils', optional: true },
];

/** To build the lab kernel. @type {readonly Need[]} */
const KERNEL = [
  { program: 'flex', package: 'flex' },
  { program: 'bison', package: 'bison' },
  { program: 'bc', package: 'bc' },
  { program: 'xz', package: 'xz-utils' },
  { program: '/usr/include/gelf.h', package: 'libelf-dev' },
];

const NEEDS = { build: BUILD, vm: [...BUILD, ...MACHINE], kernel: [...BUILD, ...KERNEL] };

/**
 * @param {keyof typeof NEEDS} target
 * @returns {import('../setup.mjs').Step}
 */
export function installPackages(target) {
  const needs = NEEDS[target];
  return {
    name: 'packages',
    pending: () => missing(needs).length > 0,
    run: () => install(missing(needs)),
  };
}

/** @param {readonly Need[]} needs */
function missing(needs) {
  const wanted = mayInstall() ? needs : needs.filter((need) => !need.optional);
  const chosenQemu = process.env.VFIO_VM_QEMU;
  return wanted.filter(
    ({ program }) => !isPresent(program) && !(chosenQemu && program.startsWith('qemu-')),
  );
}

/** @param {string} program */
function isPresent(program) {
  return program.startsWith('/') ? existsSync(program) : findProgram(program) !== undefined;
}

function mayInstall() {
  return process.getuid?.() === 0 && isDebianLike();
}

function isDebianLike() {
  if (findProgram('apt-get') === undefined) return false;
  const release = statSync('/etc/os-release', { throwIfNoEntry: false });
  return (
    release !== undefined &&
    /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'))
  );
}

/** @param {readonly Need[]} needs */
function install(needs) {
  const packages = needs.map((need) => need.package);
  const programs = needs.map((need) => need.program).join(', ');
  if (!mayInstall()) throw new SetupError(`not installed: ${programs}. ${advice(packages)}`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  if (!hasPackageLists()) run('updating the package lists', ['apt-get', 'update'], env);
  run(
    `installing ${packages.join(', ')}`,
    ['apt-get', 'install', '-y', '--no-install-recommends', ...packages],
    env,
  );
}

/** @param {readonly string[]} packages */
function advice(packages) {
  return isDebianLike()
    ? `Run as root: apt-get install --no-install-recommends ${packages.join(' ')}`
    : `Install them with your distribution's package manager; Debian calls the packages ${packages.join(', ')}.`;
}

function hasPackageLists() {
  const lists = '/var/lib/apt/lists';
  if (statSync(lists, { throwIfNoEntry: false }) === undefined) return false;
  return readdirSync(lists).some((name) => name.includes('_Packages'));
}
