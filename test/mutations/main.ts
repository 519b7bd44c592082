// SPDX-License-Identifier: MIT
// `npm run test:mutations`: puts small faults into a copy of the checkout, one at a time. For each fault, it runs the
// test that must fail. The last line is `mutations N killed N survived N`.
import { Command } from 'commander';
import { namePattern } from '../harness/name-pattern.js';
import { type Mutation, mutate, readMutations, type Test, testName } from './list.js';
import { copyCheckout, tree, withChange } from './tree.js';
import { build, runTest } from './trial.js';

/** Throws if a test does not exist or fails without a fault, because such a test proves nothing. */
async function checkGreen(mutations: readonly Mutation[]): Promise<void> {
  const tests = new Map<string, Test>(mutations.map(({ red }) => [testName(red), red]));
  for (const [name, test] of tests) {
    await build(test);
    const outcome = await runTest(test);
    if (outcome === 'green') continue;
    const what = outcome === 'none' ? 'does not exist' : 'fails without a fault';
    throw new Error(`${name}: this test ${what} in ${tree}`);
  }
  console.log(`${tests.size} tests pass without a fault`);
}

/** Whether the test runs the faulty file from its source. jest does, except in tests that start programs. */
function isFromSources({ file, red }: Mutation): boolean {
  return file.startsWith('lib/') && 'jest' in red && /^test\/(unit|memory)\/[^|]+$/.test(red.jest);
}

/** Puts the fault in and runs its test. Returns whether the test failed. */
async function tryOut(mutation: Mutation): Promise<boolean> {
  const started = performance.now();
  const outcome = await withChange(
    mutation.file,
    (source) => mutate(source, mutation),
    async () => {
      if (!isFromSources(mutation)) await build(mutation.red);
      return runTest(mutation.red);
    },
  );
  const killed = outcome === 'red';
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(6);
  const where = killed ? '' : `\n         ${mutation.file}; ${testName(mutation.red)}`;
  console.log(`${killed ? 'killed  ' : 'SURVIVED'} ${seconds} s  ${mutation.what}${where}`);
  return killed;
}

async function main(pattern: RegExp): Promise<number> {
  const mutations = readMutations().filter(({ what, file }) => pattern.test(`${file}: ${what}`));
  copyCheckout();
  await checkGreen(mutations);
  let killed = 0;
  for (const mutation of mutations) if (await tryOut(mutation)) killed++;
  const survived = mutations.length - killed;
  console.log(`mutations ${mutations.length} killed ${killed} survived ${survived}`);
  return survived > 0 || mutations.length === 0 ? 1 : 0;
}

await new Command('npm run test:mutations --')
  .description(
    'Puts small faults into a copy of the checkout, and checks that a test fails for each.',
  )
  .option(
    '--name <pattern>',
    'only faults whose file or description matches this regular expression',
    namePattern,
    /(?:)/,
  )
  .action(async ({ name }: { name: RegExp }) => {
    try {
      process.exitCode = await main(name);
    } catch (error) {
      console.error(`test:mutations: ${(error as Error).message}`);
      process.exitCode = 2;
    }
  })
  .parseAsync();
