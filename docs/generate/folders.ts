// SPDX-License-Identifier: MIT
// Finds the folders and pages that ARCHITECTURE.md leaves out.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { TEST } from './files.js';

const SOURCE = /\.(ts|mjs|cc|c|h)$/;
/** Folders that builds make. */
const MADE = ['build', 'dist', 'node_modules'];

/** A line for each folder with sources in the checkout `root`, and for each page of docs/, that `text` leaves out. */
export function leftOut(root: string, text: string): string[] {
  const folders = directoriesIn(root, '')
    .filter((name) => !MADE.includes(name))
    .flatMap((name) => [name, ...foldersBelow(root, name)]);
  const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
  return [
    ...folders.flatMap((folder) => missingFor(folder, sourcesIn(root, folder), text)),
    ...pages
      .filter((page) => !text.includes(`(docs/${page})`))
      .map((page) => `has no link to docs/${page}: add one`),
  ];
}

function sourcesIn(root: string, folder: string): string[] {
  return readdirSync(join(root, folder)).filter((name) => SOURCE.test(name));
}

/** A folder with sources needs a heading or a line. If some of them are not tests, it needs a table too. */
function missingFor(folder: string, sources: readonly string[], text: string): string[] {
  if (sources.length === 0) return [];
  if (!text.includes(`\`${folder}/\``)) {
    return [`does not mention the folder \`${folder}/\`: add a heading or a line for it`];
  }
  const needsTable = sources.some((name) => !TEST.test(name));
  if (!needsTable || text.includes(`<!-- begin generated: files ${folder} -->`)) return [];
  return [`has no table of the files of \`${folder}/\`: add a block \`files ${folder}\``];
}

function foldersBelow(root: string, folder: string): string[] {
  return directoriesIn(root, folder)
    .map((name) => join(folder, name))
    .flatMap((path) => [path, ...foldersBelow(root, path)]);
}

function directoriesIn(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map((entry) => entry.name);
}
