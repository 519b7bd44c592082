// SPDX-License-Identifier: MIT
// Collects the coverage that the tests have recorded: gcc's counters below build/coverage, and jest's summary.
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
 * The coverage of C++. gcc counts two branches at each call that could throw, and some branches that are not in the
 * source. Both are left out. An exception of our own code is counted at its throw.
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

/** The coverage of TypeScript, from the summary that the suite `unit-coverage` has written. */
export function collectTypeScript(): Files {
  const { total: _, ...files } = readJson(
    join(build, 'typescript/coverage-summary.json'),
  ) as Record<string, Coverage>;
  return new Map(Object.entries(files).map(([path, file]) => [relative(projectRoot, path), file]));
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(join(projectRoot, path), 'utf8'));
}
