// SPDX-License-Identifier: MIT
// Installs missing packages of the distribution if it can, and otherwise says which packages to install.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { readStamp, writeStamp } from './files.mjs';
import { findProgram, run, SetupError } from './run.mjs';

/** @typedef {{ program: string, package: string }} Need `program` can also be the path of a header */

/** Says which of {@link OPTIONAL} were tried. Each is tried once, because a try without a network takes long. */
const STAMP = 'build/.optional-packages-stamp';

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
  ...unpackers(),
];

/** For interactive use in the guest. The set-up succeeds without them. @type {readonly Need[]} */
const OPTIONAL = [{ program: 'lspci', package: 'pciutils' }];

/** For building the lab kernel. @type {readonly Need[]} */
const KERNEL = [
  { program: 'flex', package: 'flex' },
  { program: 'bison', package: 'bison' },
  { program: 'bc', package: 'bc' },
  { program: 'xz', package: 'xz-utils' },
  { program: '/usr/include/gelf.h', package: 'libelf-dev' },
];

/** For cmake-js. */
const CMAKE = { program: 'cmake', package: 'cmake' };

const DOCTEST = { program: '/usr/include/doctest/doctest.h', package: 'doctest-dev' };

/** For compiling for arm64, and for running the result here. @type {readonly Need[]} */
const ARM64 = [
  { program: 'aarch64-linux-gnu-g++', package: 'g++-aarch64-linux-gnu' },
  { program: 'qemu-aarch64', package: 'qemu-user' },
];

/** For the fuzzers: libFuzzer and its sanitizers. @type {readonly Need[]} */
const FUZZ = [
  { program: 'clang++-14', package: 'clang-14' },
  {
    program: '/usr/lib/llvm-14/lib/clang/14.0.6/include/fuzzer/FuzzedDataProvider.h',
    package: 'libclang-rt-14-dev',
  },
];

const NEEDS = {
  build: BUILD,
  vm: [...BUILD, ...MACHINE],
  kernel: [...BUILD, ...KERNEL],
  debug: [...BUILD, CMAKE, DOCTEST],
  valgrind: [...BUILD, CMAKE, DOCTEST, { program: 'valgrind', package: 'valgrind' }],
  coverage: [...BUILD, CMAKE, DOCTEST, { program: 'gcovr', package: 'gcovr' }],
  arm64: [...BUILD, CMAKE, DOCTEST, ...ARM64],
  fuzz: [...BUILD, CMAKE, ...FUZZ],
  format: [...BUILD, { program: 'clang-format', package: 'clang-format' }],
  lint: [...BUILD, CMAKE, { program: 'clang-tidy', package: 'clang-tidy' }],
};

export const targets = /** @type {(keyof typeof NEEDS)[]} */ (Object.keys(NEEDS));

/**
 * The programs that unpack the kernel and the modules of this distribution.
 * @returns {readonly Need[]}
 */
function unpackers() {
  const id = /^ID="?(\w+)/m.exec(osRelease())?.[1];
  if (id === 'debian') return [{ program: 'xz', package: 'xz-utils' }];
  return id === 'ubuntu' ? [{ program: 'zstd', package: 'zstd' }] : [];
}

/**
 * @param {keyof typeof NEEDS} target
 * @returns {import('../setup.mjs').Step}
 */
export function installPackages(target) {
  const needs = NEEDS[target];
  const extras = () => (target === 'vm' && mayInstall() ? untriedExtras() : []);
  return {
    name: 'packages',
    pending: () => missing(needs).length + extras().length > 0,
    run() {
      if (missing(needs).length > 0) install(missing(needs));
      if (extras().length > 0) tryInstall(extras());
    },
  };
}

function untriedExtras() {
  return readStamp(STAMP) === packagesOf(OPTIONAL).join(' ') ? [] : missing(OPTIONAL);
}

/** @param {readonly Need[]} needs */
function tryInstall(needs) {
  try {
    install(needs);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
  }
  writeStamp(STAMP, packagesOf(OPTIONAL).join(' '));
}

/** @param {readonly Need[]} needs */
function packagesOf(needs) {
  return needs.map((need) => need.package);
}

/** @param {readonly Need[]} needs */
function missing(needs) {
  const chosenQemu = process.env.VFIO_VM_QEMU;
  return needs.filter(
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
  return findProgram('apt-get') !== undefined && /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(osRelease());
}

function osRelease() {
  const path = '/etc/os-release';
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** @param {readonly Need[]} needs */
function install(needs) {
  const packages = packagesOf(needs);
  const programs = needs.map((need) => need.program).join(', ');
  if (!mayInstall())
    throw new SetupError(`these are not installed: ${programs}. ${advice(packages)}`);
  if (!hasPackageLists()) {
    updateLists();
    return installNow(packages);
  }
  try {
    installNow(packages);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    // Old package lists can name versions that the mirror no longer has.
    updateLists();
    installNow(packages);
  }
}

const APT_ENV = { DEBIAN_FRONTEND: 'noninteractive' };

function updateLists() {
  run('updating the package lists', ['apt-get', 'update'], APT_ENV);
}

/** @param {readonly string[]} packages */
function installNow(packages) {
  run(
    `installing ${packages.join(', ')}`,
    ['apt-get', 'install', '-y', '--no-install-recommends', ...packages],
    APT_ENV,
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
