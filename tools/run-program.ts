// SPDX-License-Identifier: MIT
// Runs a program on the host until it ends. Its output is printed only as part of an error.
import { spawn } from 'node:child_process';
import { undoOnExit } from './cleanup.js';
import { findProgram } from './paths.js';

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Called with each line of stdout. */
  readonly onLine?: (line: string) => void;
}

/** A program is not installed on the host. */
export class MissingProgramError extends Error {
  constructor(name: string) {
    super(
      `${name} is not installed. Run "npm run setup": it installs missing programs, or tells you which to install`,
    );
    this.name = 'MissingProgramError';
  }
}

/** Returns the path of a program; throws {@link MissingProgramError} if it is not installed. */
export function requireProgram(name: string): string {
  const path = findProgram(name);
  if (path === undefined) throw new MissingProgramError(name);
  return path;
}

/** Resolves with everything that the program wrote to stdout. Rejects with its output if it fails. */
export function runProgram(
  name: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const path = requireProgram(name);
  return new Promise((resolve, reject) => {
    const child = spawn(path, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env, LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.on(
      'close',
      undoOnExit(() => void child.kill()),
    );
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      if (options.onLine) for (const line of text.split('\n')) if (line) options.onLine(line);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (status, signal) => {
      if (status === 0) resolve(stdout);
      else reject(new Error(failure(name, status ?? signal, stderr || stdout)));
    });
  });
}

function failure(name: string, how: unknown, output: string): string {
  const tail = output.trim().split('\n').slice(-20).join('\n');
  return `${name} failed: it ended with ${how}${tail ? `:\n${tail}` : ''}`;
}
