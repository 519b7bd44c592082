// SPDX-License-Identifier: MIT
// `npm run docs`: writes the generated blocks of the documents. With --check, it only says which are out of date.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { projectRoot } from '../../tools/paths.js';
import { blocksOf, isUpToDate, withBlocks } from './blocks.js';
import { leftOut } from './folders.js';
import type { Generator } from './generator.js';
import { GENERATORS } from './generators.js';

function documents(): string[] {
  return ['.', 'docs'].flatMap((directory) =>
    readdirSync(join(projectRoot, directory))
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(directory, name)),
  );
}

function generatorOf(name: string): Generator {
  const generator = GENERATORS[name];
  if (generator !== undefined) return generator;
  const known = Object.keys(GENERATORS).join(', ');
  throw new Error(
    `there is no generator "${name}" for a block; docs/generate/generators.ts has ${known}`,
  );
}

/** Returns a line for each block that is out of date or cannot be generated. */
function check(document: string, text: string): string[] {
  return blocksOf(text).flatMap((block) => {
    try {
      if (isUpToDate(block, generatorOf(block.name))) return [];
      const name = `${block.name} ${block.of}`.trimEnd();
      return [`${document}: the block "${name}" is out of date: run "npm run docs"`];
    } catch (error) {
      return [`${document}: ${(error as Error).message}`];
    }
  });
}

function write(document: string, text: string): void {
  const written = withBlocks(text, (name, of) => generatorOf(name).markdown(of));
  if (written !== text) writeFileSync(join(projectRoot, document), written);
}

/** Calls `use` for each document. Returns the failures, each with the name of its document. */
function forEachDocument(use: (document: string, text: string) => string[]): string[] {
  return documents().flatMap((document) => {
    try {
      return use(document, readFileSync(join(projectRoot, document), 'utf8'));
    } catch (error) {
      return [`${document}: ${(error as Error).message}`];
    }
  });
}

await new Command('npm run docs --')
  .description('Writes the generated blocks of README.md, ARCHITECTURE.md, docs/*.md and so on.')
  .option('--check', 'write nothing; fail if a block is out of date')
  .action(({ check: onlyCheck }: { check?: boolean }) => {
    const failures = forEachDocument((document, text) => {
      blocksOf(text);
      if (onlyCheck) return check(document, text);
      write(document, text);
      return [];
    });
    const map = readFileSync(join(projectRoot, 'ARCHITECTURE.md'), 'utf8');
    failures.push(...leftOut(projectRoot, map).map((what) => `ARCHITECTURE.md ${what}`));
    for (const failure of failures) process.stderr.write(`docs: ${failure}\n`);
    process.exitCode = failures.length > 0 ? 1 : 0;
  })
  .parseAsync();
