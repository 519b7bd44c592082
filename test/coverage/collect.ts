// SPDX-License-Identifier: MIT
// Collects what the tests left behind: gcc's counters below build/coverage, and jest's summary.
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { projectRoot } from '../../tools/paths.js';
import { runProgram } from '../../tools/run-program.js';
import type { Coverage, Files } from './counts.js';

const build = 'build/coverage';

interface NativeFile {
  readonly filename: string;
  readonly line_covered: number;
  readonly line_total: number;
  readonly branch_covered: number;
  readonly branch_total: number;
}

/**
 * Of C++. gcc counts two branches at each call that could throw, and some that no source has: they are left out,
 * and what is thrown by our own code is counted where it is thrown.
 */
export async function collectNative(): Promise<Files> {
  const summary = join(build, 'native.json');
  await runProgram(
    'gcovr',
    [
      ['--root', '.', '--object-directory', build, '--filter', 'src-native/'],
      ['--exclude-throw-branches', '--exclude-unreachable-branches'],
      ['--json-summary', summary, '--html-details', join(build, 'native.html')],
      [build],
    ].flat(),
    { cwd: projectRoot },
  );
  const { files } = readJson(summary) as { files: NativeFile[] };
  return new Map(
    files.map((file) => [
      file.filename,
      {
        lines: { covered: file.line_covered, total: file.line_total },
        branches: { covered: file.branch_covered, total: file.branch_total },
      },
    ]),
  );
}

/** Of TypeScript, from where the suite `unit-coverage` has put it. */
export function collectTypeScript(): Files {
  const { total: _, ...files } = readJson(
    join(build, 'typescript/coverage-summary.json'),
  ) as Record<string, Coverage>;
  return new Map(Object.entries(files).map(([path, file]) => [relative(projectRoot, path), file]));
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(join(projectRoot, path), 'utf8'));
}
