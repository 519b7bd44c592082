// SPDX-License-Identifier: MIT
// `npm run fuzz`: hostile data for the parsers, and random calls on the API. The last line is `runs R crashes C corpus
// K`.
import { availableParallelism } from 'node:os';
import { Command, Option } from 'commander';
import { clearProgress, progress } from '../../tools/progress.js';
import { sideBySide } from '../harness/side-by-side.js';
import {
  type ApiTarget,
  apiTargets,
  fuzzApi,
  preparePublicApi,
  reproduceApi,
} from './api-target.js';
import { buildNativeTargets, fuzzNative, nativeTargets, reproduceNative } from './native-target.js';
import { type Outcome, outcomeLine, sum } from './outcome.js';

interface Options {
  time: number;
  calls: number;
  target?: string[];
  seed: number;
  input?: string;
}

/** A target and its share of the time. */
interface Target {
  name: string;
  seconds: number;
}

const WEIGHTS: Record<string, number> = { api: 4, addon: 2 };

function isApi(name: string): name is ApiTarget {
  return (apiTargets as readonly string[]).includes(name);
}

/** Divides the time by weight. As many targets run at once as there are processors. */
function share(names: readonly string[], time: number): Target[] {
  const weight = (name: string) => WEIGHTS[name] ?? 1;
  const total = names.reduce((sum, name) => sum + weight(name), 0);
  const lanes = Math.min(availableParallelism(), names.length);
  return names.map((name) => ({
    name,
    seconds: Math.max(1, Math.floor((time * lanes * weight(name)) / total)),
  }));
}

function fuzz({ name, seconds }: Target, { calls, seed }: Options): Promise<Outcome> {
  if (!isApi(name)) return fuzzNative(name, seconds, seed);
  return fuzzApi(name, { seconds, calls }, seed);
}

function reproduce(name: string, input: string): Promise<Outcome> {
  return isApi(name) ? reproduceApi(name, input) : reproduceNative(name, input);
}

async function prepare(names: readonly string[]): Promise<void> {
  progress('building');
  if (names.some((name) => !isApi(name))) await buildNativeTargets();
  if (names.some(isApi)) preparePublicApi();
}

function print(text: string): void {
  clearProgress();
  console.log(text);
}

async function runAll(targets: readonly Target[], options: Options): Promise<Outcome> {
  const running = new Set<string>();
  const show = () => progress(`fuzzing ${[...running].join(', ')}`);
  const outcomes = await sideBySide(targets, availableParallelism(), async (target) => {
    running.add(target.name);
    show();
    const outcome = await fuzz(target, options);
    running.delete(target.name);
    print(`${target.name}: ${outcomeLine(outcome)}, ${target.seconds} s`);
    for (const crash of outcome.crashes) print(`CRASH ${crash}`);
    show();
    return outcome;
  });
  return sum(outcomes);
}

async function main(options: Options): Promise<void> {
  const { target, input, time, seed } = options;
  const names = target ?? [...apiTargets, ...nativeTargets()];
  await prepare(names);
  if (input === undefined) print(`seed ${seed}`);
  const outcome =
    input === undefined
      ? await runAll(share(names, time), options)
      : await reproduce(names[0] as string, input);
  print(outcomeLine(outcome));
  process.exitCode = outcome.crashes.length === 0 ? 0 : 1;
}

await new Command('fuzz')
  .description('Tries hostile data on the parsers, and random calls on the API.')
  .option('--time <seconds>', 'the time for all targets together', Number, 600)
  .option('--calls <number>', 'the most calls of each target in JavaScript', Number, 1_000_000)
  .addOption(
    new Option('--target <name...>', 'only these targets').choices([
      ...apiTargets,
      ...nativeTargets(),
    ]),
  )
  .option('--seed <number>', 'the seed of the random choices', Number, Date.now() % 2 ** 31)
  .option('--input <file>', 'only repeat this input of the target')
  .action(main)
  .parseAsync();
