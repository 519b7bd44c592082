// SPDX-License-Identifier: MIT
// `npm run test:arm64`: runs the arm64 native tests in QEMU, and checks the barriers in their machine code. QEMU's user
// emulation runs them. The check looks at the code of each guarded access to device memory, because a missing barrier
// makes no test fail on an x86-64 host.
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './setup/files.mjs';

const TOOLS = 'aarch64-linux-gnu';
const TESTS = join(root, 'build/arm64/vfio_native_tests');
const TABLE = 'vfio_extable';

/** In the emulation, /proc/self/smaps and pagemap show the pages of the emulator, not those of the program. */
const SEES_NO_PAGES = '--source-file-exclude=*mapping_test.cc';

/** @param {string} tool @param {string[]} args */
function inspect(tool, ...args) {
  return execFileSync(`${TOOLS}-${tool}`, [...args, TESTS], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
}

/**
 * The addresses of the accesses that the exception table lists.
 * @returns {number[]}
 */
function guardedAccesses() {
  const header = inspect('objdump', '--section-headers')
    .split('\n')
    .find((line) => line.includes(TABLE));
  if (header === undefined) {
    throw new Error(
      `test:arm64: ${TESTS} has no section ${TABLE}, so its guarded accesses cannot be checked`,
    );
  }
  const start = Number.parseInt(header.trim().split(/\s+/)[3] ?? '', 16);
  const dump = inspect('objdump', '--full-contents', `--section=${TABLE}`);
  const words = dump.split('\n').flatMap(
    (line) =>
      line
        .match(/^ [0-9a-f]+ ((?:[0-9a-f]{8} ){1,4})/)?.[1]
        ?.trim()
        .split(' ') ?? [],
  );
  const entry = 8;
  return words
    .map((word) => Buffer.from(word, 'hex').readInt32LE())
    .flatMap((distance, index) =>
      index % 2 === 0 ? [start + (index / 2) * entry + distance] : [],
    );
}

/**
 * The instructions of the program, by address.
 * @returns {Map<number, string>}
 */
function instructions() {
  const lines = inspect('objdump', '--disassemble', '--no-show-raw-insn').split('\n');
  const found = lines.map((line) => /^\s*([0-9a-f]+):\s+(.*)$/.exec(line));
  return new Map(
    found.flatMap((match) =>
      match ? [[Number.parseInt(match[1] ?? '', 16), match[2] ?? '']] : [],
    ),
  );
}

/** @param {Map<number, string>} code @param {number} address */
function hasBarrier(code, address) {
  const access = code.get(address) ?? '';
  if (/^ldr[bh]?\s/.test(access)) return /^dmb\s+oshld/.test(code.get(address + 4) ?? '');
  return /^str[bh]?\s/.test(access) && /^dmb\s+oshst/.test(code.get(address - 4) ?? '');
}

const emulator = ['-L', `/usr/${TOOLS}`, TESTS, SEES_NO_PAGES];
const { status } = spawnSync('qemu-aarch64', emulator, { stdio: 'inherit' });
const accesses = guardedAccesses();
const code = instructions();
const bare = accesses.filter((address) => !hasBarrier(code, address));
for (const address of bare) {
  console.log(`no barrier at 0x${address.toString(16)}: ${code.get(address)}`);
}
console.log(
  `${accesses.length} guarded accesses in arm64 code, ${bare.length} without their barrier`,
);
process.exitCode = status === 0 && bare.length === 0 && accesses.length > 0 ? 0 : 1;
