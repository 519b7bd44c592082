// SPDX-License-Identifier: MIT
// One run of random calls, in its own process. The last line it prints is the number of calls. It ends with status 1 if
// a call had no proper answer.
import { readFileSync, writeSync } from 'node:fs';
import { inspect } from 'node:util';
import { Command } from 'commander';
import type { PublicApi } from '../../support/public-api.js';
import { NativeSession } from './native-session.js';
import { ParserSession } from './parser-session.js';
import { Session } from './session.js';

interface Options {
  api: string;
  seed: number;
  steps: number;
  only?: string;
  target: string;
  trace?: boolean;
}

const STDOUT = 1;
const STDERR = 2;

/** A mistake in the fuzzer itself also ends the process, with status 2. */
async function main(options: Options): Promise<void> {
  try {
    await run(options);
  } catch (failure) {
    writeSync(STDERR, `${inspect(failure)}\n`);
    process.exit(2);
  }
}

function makeSession({ target, api, seed, trace }: Options) {
  const tell = trace ? (line: string) => void writeSync(STDERR, `${line}\n`) : undefined;
  if (target === 'addon') return new NativeSession(seed, tell);
  if (target === 'parsers') return new ParserSession(seed, tell);
  return new Session(JSON.parse(readFileSync(api, 'utf8')) as PublicApi, seed, tell);
}

async function run(options: Options): Promise<void> {
  const { steps, only } = options;
  const session = makeSession(options);
  const { calls } = session;
  process.on('uncaughtException', (failure) => calls.judge(failure, 'an uncaught exception'));
  process.on('unhandledRejection', (failure) => calls.judge(failure, 'an unhandled rejection'));
  process.on('warning', () => {});
  // The library's pending operations do not keep the process alive, so this timer does.
  setInterval(() => {}, 1000);
  const chosen = only
    ? (JSON.parse(readFileSync(only, 'utf8')) as number[])
    : [...Array(steps).keys()];
  for (const step of chosen) {
    if (calls.failure !== undefined) break;
    await session.step(step);
  }
  if (calls.failure === undefined) await session.end();
  writeSync(STDOUT, `${calls.count}\n`);
  if (calls.failure !== undefined) writeSync(STDERR, `${inspect(calls.failure)}\n`);
  process.exit(calls.failure === undefined ? 0 : 1);
}

await new Command('child')
  .requiredOption('--target <name>', 'what to call: api, addon or parsers')
  .requiredOption('--api <file>', 'the public API, as JSON')
  .requiredOption('--seed <number>', 'the seed of the random choices', Number)
  .requiredOption('--steps <number>', 'how many steps to make', Number)
  .option('--only <file>', 'make only the steps in this file')
  .option('--trace', 'print each call before it is made')
  .action(main)
  .parseAsync();
