// SPDX-License-Identifier: MIT
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { projectRoot } from '../../tools/paths.js';
import { compileForGuest } from '../harness/compile.js';
import { guestMachines } from '../harness/guest-suite.js';

let folder: string;
let root: string;
let output: string;

/** Makes a project that has little more than the copy needs. */
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vfio-compile-'));
  root = join(folder, 'project');
  output = join(folder, 'copy');
  for (const name of guestMachines) write(`test/${name}/open.test.ts`, 'export {};');
  mkdirSync(join(root, 'test/contract'));
  write('test/support/peer-main.ts', 'console.log(1);');
  cpSync(join(projectRoot, 'test/swc.json'), join(root, 'test/swc.json'));
});

afterEach(() => rmSync(folder, { recursive: true }));

function write(file: string, text: string): void {
  const path = join(root, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

const written = ['package.json', 'test/vm/suite.js', 'test/support/peer-main.bundle.js'];

test('a machine that reads the copy sees no file of it replaced when nothing changed', async () => {
  await compileForGuest(root, output);
  const files = () => written.map((file) => statSync(join(output, file)).ino);
  const before = files();
  await compileForGuest(root, output);
  expect(files()).toEqual(before);
});

test('a machine that reads a file while it changes gets the old one, whole', async () => {
  await compileForGuest(root, output);
  const reader = openSync(join(output, 'test/vm/suite.js'), 'r');
  write('test/vm/close.test.ts', 'export {};');
  await compileForGuest(root, output);
  expect(readFileSync(reader, 'utf8')).toBe("require('../vm/open.test.js');\n");
  closeSync(reader);
});

test('a test whose source is gone is gone from the copy, and a new one is in it', async () => {
  await compileForGuest(root, output);
  rmSync(join(root, 'test/vm/open.test.ts'));
  write('test/vm/close.test.ts', 'export {};');
  await compileForGuest(root, output);
  expect(existsSync(join(output, 'test/vm/open.test.js'))).toBe(false);
  expect(existsSync(join(output, 'test/vm/close.test.js'))).toBe(true);
  expect(readFileSync(join(output, 'test/vm/suite.js'), 'utf8')).toBe(
    "require('../vm/close.test.js');\n",
  );
});
