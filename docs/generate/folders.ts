// SPDX-License-Identifier: MIT
// Finds the folders and pages that ARCHITECTURE.md does not mention.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const SOURCE = /\.(ts|mjs|cc|c|h)$/;
/** Folders that builds make. */
const MADE = ['build', 'dist', 'node_modules'];

/** A line for each folder with sources in the checkout `root`, and for each page of docs/, that `text` leaves out. */
export function leftOut(root: string, text: string): string[] {
  const folders = directoriesIn(root, '')
    .filter((name) => !MADE.includes(name))
    .flatMap((name) => [name, ...foldersBelow(root, name)])
    .filter((folder) => readdirSync(join(root, folder)).some((name) => SOURCE.test(name)));
  const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
  return [
    ...folders
      .filter((folder) => !text.includes(`\`${folder}/\``))
      .map(
        (folder) => `does not mention the folder \`${folder}/\`: add a heading or a line for it`,
      ),
    ...pages
      .filter((page) => !text.includes(`(docs/${page})`))
      .map((page) => `has no link to docs/${page}: add one`),
  ];
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
