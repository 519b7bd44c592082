// SPDX-License-Identifier: MIT
// The tiers in which V8 can run a function, and how it is made to. Names of runtime functions are V8's own test
// natives (--allow-natives-syntax); those that say in which tier a function is have kept their names from V8 11 to
// 14, while the bits of %GetOptimizationStatus have moved.

export const TIERS = [
  'jitless',
  'cold',
  'ignition',
  'sparkplug',
  'maglev',
  'turbofan',
  'osr',
] as const;
export type Tier = (typeof TIERS)[number];

export interface TierPlan {
  /** What Node is started with. */
  readonly flags: readonly string[];
  /** Turns before the one that counts. */
  readonly warmUp: number;
  /** Called with the function before the turn that has it compiled. */
  readonly force?: string;
  /** Says whether a function has got there. */
  readonly reached: string;
}

const unoptimized = ['--no-opt', '--no-maglev', '--liftoff-only'];
const interpreted = [...unoptimized, '--no-sparkplug'];
/** WebAssembly has two tiers of its own: Liftoff, and TurboFan. */
const wasmOptimized = '--no-liftoff';
/** Enough for V8 to know the types of everything. */
const WARM = 10;

export const PLANS: Record<Tier, TierPlan> = {
  // As where no memory may be written and executed.
  jitless: { flags: ['--jitless'], warmUp: WARM, reached: '%ActiveTierIsIgnition(f)' },
  // The first call ever.
  cold: { flags: interpreted, warmUp: 0, reached: '%ActiveTierIsIgnition(f)' },
  ignition: { flags: interpreted, warmUp: WARM, reached: '%ActiveTierIsIgnition(f)' },
  sparkplug: {
    flags: [...unoptimized, '--sparkplug'],
    warmUp: WARM,
    force: '%CompileBaseline(f)',
    reached: '%ActiveTierIsSparkplug(f)',
  },
  maglev: {
    flags: ['--no-opt', '--maglev', wasmOptimized],
    warmUp: WARM,
    force: '%OptimizeMaglevOnNextCall(f)',
    reached: '%ActiveTierIsMaglev(f)',
  },
  turbofan: {
    flags: ['--no-maglev', wasmOptimized],
    warmUp: WARM,
    force: '%OptimizeFunctionOnNextCall(f)',
    reached: '%ActiveTierIsTurbofan(f)',
  },
  // A loop is replaced by TurboFan's code while it runs: the function itself asks for it and says whether it came.
  osr: { flags: ['--no-maglev', wasmOptimized], warmUp: WARM, reached: 'f.replaced' },
};

/** A tier goes to work when it is told to, not whenever it has time; types are learnt from the first call on. */
export const COMMON_FLAGS = [
  '--allow-natives-syntax',
  '--no-concurrent-recompilation',
  '--no-lazy-feedback-allocation',
];

/**
 * The source of a function f(x, replace) of these statements. A loop is replaced in its third turn or the one
 * after, and only its last turn counts: `restart` forgets what was recorded before.
 */
export function sourceOf(body: string, tier: Tier): string {
  if (tier !== 'osr') return `return function f(x) { let r; { ${body} } return r; }`;
  return `return function f(x, replace) {
    let r;
    for (let turn = 0; turn < 6; turn++) {
      if (turn === 5) { f.replaced = %CurrentFrameIsTurbofan(); restart(); }
      { ${body} }
      if (turn === 2 && replace) %OptimizeOsr();
    }
    return r;
  }`;
}

/** Maglev is a part of V8 that Node builds from version 24 on. */
export function hasTier(tier: Tier, config: Readonly<Record<string, unknown>>): boolean {
  return tier !== 'maglev' || config.v8_enable_maglev === 1;
}
