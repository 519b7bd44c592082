// SPDX-License-Identifier: MIT
// The program that runs cases in one tier of one Node version, and reports the accesses they executed. `child.js TIER`
// reads the cases as JSON from standard input, and writes one line of JSON for each to standard output. run-child.ts
// starts it with the flags of the tier.
import { readFileSync, writeSync } from 'node:fs';
import { type Case, READY_AFTER } from './cases.js';
import { PAGES, parseAccesses, type Trapped } from './notation.js';
import { makeScope, type Scope } from './scope.js';
import { PLANS, sourceOf, type Tier } from './tiers.js';

/** The accesses that a case executed. */
export interface Recorded {
  readonly accesses: readonly Trapped[];
  /** Whether the function was in its tier both before and after the run. */
  readonly reached: boolean;
  /**
   * The runs before it, from the moment V8 was told to use the tier: the run in which V8 compiled the function, and
   * runs in which V8 gave up optimized code and continued in the middle of the function in another tier.
   */
  readonly earlier: readonly (readonly Trapped[])[];
}

interface Compiled {
  (x: number, replace?: boolean): unknown;
  replaced?: boolean;
}

/** The contents of memory in the warm-up runs. They make both ways of each branch known to V8. */
const PATTERNS = [0, 0x0001_0001, 0xffff_ffff];

/** Compiles a call of V8's test functions (`%Name(f)`) about a function. */
function native(source: string): (f: Compiled) => unknown {
  return new Function('f', `return ${source}`) as (f: Compiled) => unknown;
}

function compile({ body }: Case, tier: Tier, { variables }: Scope): Compiled {
  const make = new Function(...Object.keys(variables), sourceOf(body, tier));
  return make(...Object.values(variables)) as Compiled;
}

/** Runs `call` once while the trap watches the pages. `words` prepares memory for it. */
async function turn(
  one: Case,
  { trap, ranges, pages, settle }: Scope,
  words: (place: string) => number,
  call: () => unknown,
): Promise<Trapped[]> {
  for (const page of PAGES) pages[page].fill(words(''));
  for (const place of Object.keys(one.finds ?? {})) {
    const [where] = parseAccesses(`R4@${place}`);
    if (where !== undefined) pages[where.page][where.offset / 4] = words(place);
  }
  if (one.ready !== undefined) trap.answer(0, one.ready.at, READY_AFTER, one.ready.value);
  trap.arm();
  let accesses: ReturnType<typeof trap.disarm> = [];
  try {
    call();
    await settle();
  } finally {
    accesses = trap.disarm();
  }
  return accesses.map(({ range, offset, write, code }) => {
    const { page, base } = ranges[range] ?? { page: 'bar', base: 0 };
    return { page, offset: base + offset, write, code };
  });
}

async function record(one: Case, tier: Tier, scope: Scope): Promise<Recorded> {
  const { warmUp } = PLANS[tier];
  const f = compile(one, tier, scope);
  if (warmUp > 0) native('%PrepareFunctionForOptimization(f)')(f);
  for (let x = 1; x <= warmUp; x++) {
    const pattern = PATTERNS[x % PATTERNS.length] as number;
    await turn(
      one,
      scope,
      () => pattern,
      () => f(x),
    );
  }
  const attempts = [await attempt(one, tier, scope, f)];
  while (warmUp > 0 && !attempts.at(-1)?.reached && attempts.length < ATTEMPTS) {
    native('%PrepareFunctionForOptimization(f)')(f);
    attempts.push(await attempt(one, tier, scope, f));
  }
  const earlier = attempts.flatMap((each) => [...each.earlier, each.accesses]).slice(0, -1);
  return { ...(attempts.at(-1) as Recorded), earlier };
}

/** V8 gives up optimized code when an assumption fails, and compiles better code the next time. */
const ATTEMPTS = 5;

async function attempt(one: Case, tier: Tier, scope: Scope, f: Compiled): Promise<Recorded> {
  const { force, reached } = PLANS[tier];
  const isInTier = native(reached);
  const words = (place: string) => one.finds?.[place] ?? 0;
  const earlier: Trapped[][] = [];
  let before = true;
  if (force !== undefined) {
    native(force)(f);
    earlier.push(await turn(one, scope, words, () => f(1)));
    before = isInTier(f) === true;
  }
  const accesses = await turn(one, scope, words, () => f(1, true));
  return { accesses, reached: before && isInTier(f) === true, earlier };
}

const tier = process.argv[2] as Tier;
const cases = JSON.parse(readFileSync(0, 'utf8')) as Case[];
const scope = await makeScope();
const say = (line: object) => writeSync(1, `${JSON.stringify(line)}\n`);
for (const one of cases) {
  try {
    say(await record(one, tier, scope));
  } catch (error) {
    say({ error: error instanceof Error ? error.message : String(error) });
  }
}
process.exit();
