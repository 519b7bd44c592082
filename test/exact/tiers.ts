// SPDX-License-Identifier: MIT
// The tiers in which V8 can run a function, and how a test makes V8 use each. The names with `%` are V8's own test
// functions (--allow-natives-syntax). Those that report the tier of a function have kept their names from V8 11 to 14,
// while the bits of %GetOptimizationStatus have moved.

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
  /** The flags for Node. */
  readonly flags: readonly string[];
  /** The number of warm-up runs. */
  readonly warmUp: number;
  /** Called with the function before the run in which V8 compiles it. */
  readonly force?: string;
  /** Tells whether a function is in this tier. */
  readonly reached: string;
}

const unoptimized = ['--no-opt', '--no-maglev', '--liftoff-only'];
const interpreted = [...unoptimized, '--no-sparkplug'];
/** WebAssembly has its own two tiers: Liftoff and TurboFan. */
const wasmOptimized = '--no-liftoff';
/** Enough runs for V8 to learn the types of all values. */
const WARM = 10;

export const PLANS: Record<Tier, TierPlan> = {
  // As on systems where no memory may be both written and executed.
  jitless: { flags: ['--jitless'], warmUp: WARM, reached: '%ActiveTierIsIgnition(f)' },
  // The very first call.
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
  // V8 replaces the code of a running loop with TurboFan's (on-stack replacement). The function itself requests this,
  // and reports whether it happened.
  osr: { flags: ['--no-maglev', wasmOptimized], warmUp: WARM, reached: 'f.replaced' },
};

/** Makes V8 compile when it is told to, not when it has time, and learn types from the first call on. */
export const COMMON_FLAGS = [
  '--allow-natives-syntax',
  '--no-concurrent-recompilation',
  '--no-lazy-feedback-allocation',
];

/**
 * Returns the source of a function f(x, replace) with these statements. V8 replaces the code of the loop in its third
 * iteration or the one after. Only the last iteration counts: `restart` discards what was recorded before.
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

/** Whether a Node version has this tier. Node includes Maglev from version 24 on. */
export function hasTier(tier: Tier, config: Readonly<Record<string, unknown>>): boolean {
  return tier !== 'maglev' || config.v8_enable_maglev === 1;
}
