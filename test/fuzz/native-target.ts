// SPDX-License-Identifier: MIT
// The fuzz targets in C++: builds a libFuzzer program for each and runs it.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { undoOnExit } from '../../tools/cleanup.js';
import { projectRoot } from '../../tools/paths.js';
import type { Outcome } from './outcome.js';

const build = join(projectRoot, 'build/fuzz');
/** The inputs found in earlier runs on this machine. test/fuzz/corpus has the inputs that the project keeps. */
const found = join(projectRoot, 'build/fuzz-corpus');
const seeds = join(projectRoot, 'test/fuzz/corpus');
export const crashDirectory = join(projectRoot, 'build/fuzz-crashes');

/** An input that takes longer than this many seconds counts as a hang. */
const SLOWEST = 10;
const MEGABYTES = 2048;

/** The names of the targets. */
export function nativeTargets(): string[] {
  return readFileSync(join(projectRoot, 'test/fuzz/TARGETS'), 'utf8').trim().split('\n');
}

/** Compiles the targets that have changed. Throws with the compiler's output. */
export async function buildNativeTargets(): Promise<void> {
  const settings = {
    SANITIZE: 'fuzzer-no-link,address,undefined',
    CMAKE_CXX_COMPILER: 'clang++-14',
  };
  const defines = Object.entries(settings).map(([name, value]) => `--CD${name}=${value}`);
  const program = join(projectRoot, 'node_modules/cmake-js/bin/cmake-js');
  const args = [program, 'build', '--out', build, ...defines, '--target', 'fuzzers'];
  await promisify(execFile)(process.execPath, args, { cwd: projectRoot });
}

/** Tries inputs for this many seconds. */
export async function fuzzNative(target: string, seconds: number, seed: number): Promise<Outcome> {
  const corpus = join(found, target);
  for (const directory of [corpus, crashDirectory]) mkdirSync(directory, { recursive: true });
  const options = {
    max_total_time: seconds,
    timeout: SLOWEST,
    rss_limit_mb: MEGABYTES,
    print_final_stats: 1,
    artifact_prefix: `${crashDirectory}/${target}-`,
    seed,
  };
  const flags = Object.entries(options).map(([name, value]) => `-${name}=${value}`);
  const { status, output } = await run(target, [...flags, corpus, join(seeds, target)]);
  return {
    runs: lastNumber(output, /^stat::number_of_executed_units: (\d+)/gm),
    corpus: lastNumber(output, / corp: (\d+)\//g),
    crashes: status === 0 ? [] : [describeCrash(target, output)],
  };
}

/** Tries one input again, and prints the whole output of the sanitizers. */
export async function reproduceNative(target: string, input: string): Promise<Outcome> {
  const { status, output } = await run(target, [input]);
  process.stderr.write(output);
  return { runs: 1, corpus: 0, crashes: status === 0 ? [] : [`${target}: ${input}`] };
}

async function run(target: string, args: readonly string[]) {
  const child = spawn(join(build, `fuzz_${target}`), args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const done = undoOnExit(() => void child.kill('SIGKILL'));
  const [output, [status]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  done();
  return { status: status as number | null, output };
}

function lastNumber(output: string, pattern: RegExp): number {
  return Number([...output.matchAll(pattern)].at(-1)?.[1] ?? 0);
}

function describeCrash(target: string, output: string): string {
  const what =
    /^(?:does not hold: |SUMMARY: |==\d+== ?ERROR: )(.*)/m.exec(output)?.[0] ?? 'a crash';
  const artifact = /Test unit written to (\S+)/.exec(output)?.[1];
  // There is no input if, for example, it crashed before the first one.
  if (artifact === undefined) return `${target}: ${what}\n${output}`;
  const input = relative(projectRoot, artifact);
  return `${target}: ${what}\n    input: ${input}\n    again: npm run fuzz -- --target ${target} --input ${input}`;
}
