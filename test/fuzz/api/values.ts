// SPDX-License-Identifier: MIT
// Random arguments, of the kind that a parameter expects or of any kind. A recipe makes a value. It can use the objects
// that exist when it is called.
import fc, { type Arbitrary } from 'fast-check';
import type { Shape } from '../../support/public-api.js';
import { hostileValues } from './hostile.js';
import { ADDRESSES } from './machine.js';
import type { Pool } from './pool.js';
import { type Draw, pick } from './random.js';

export type Recipe = (pool: Pool, draw: Draw) => unknown;

/** The number of recipes to choose from for each shape. */
const DECK = 200;

/**
 * Sizes in this range are left out: memory of such a size would really be allocated, and use up the machine. Larger
 * sizes are refused by the kernel.
 */
const TOO_MUCH = { from: 2 ** 24, to: 2 ** 43 };

const numbers = fc
  .oneof(
    { weight: 6, arbitrary: fc.nat(16).map((n) => n * 4) },
    { weight: 4, arbitrary: fc.nat(8) },
    { weight: 2, arbitrary: fc.nat(4).map((n) => n * 4096) },
    { weight: 2, arbitrary: fc.constantFrom(0xff, 0xffff, 0xffff_ffff, 0xffff_fffc, 2 ** 31) },
    { weight: 2, arbitrary: fc.constantFrom(-0, Number.NaN, -1, 0.5, 2 ** 53, -(2 ** 31), 1e308) },
    { weight: 1, arbitrary: fc.constantFrom(Number.POSITIVE_INFINITY, Number.MIN_VALUE, 2 ** 64) },
    { weight: 1, arbitrary: fc.double() },
  )
  .filter((n) => !(n >= TOO_MUCH.from && n < TOO_MUCH.to) || n === 0xffff_ffff || n === 2 ** 31);

const bigints = fc.oneof(
  fc.nat(64).map((n) => BigInt(n) * 4096n),
  fc.bigInt(),
  fc.constantFrom(0n, -1n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n),
);

const strings = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...ADDRESSES) },
  { weight: 1, arbitrary: fc.constantFrom('intx', 'msi', 'msix', 'both', '../..', '\0', '') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 1, arbitrary: fc.constantFrom('x'.repeat(100_000), '0000:00:00.0\0') },
);

const viewTypes = [
  Uint8Array,
  Uint8ClampedArray,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float64Array,
  BigUint64Array,
] as const;

/** Buffers are new for each call, because some get detached. */
const buffers: Arbitrary<Recipe> = fc
  .tuple(fc.nat(viewTypes.length - 1), fc.nat(64), fc.nat(6))
  .map(
    ([type, length, form]) =>
      () =>
        bufferOf(viewTypes[type] ?? Uint8Array, length, form),
  );

function bufferOf(View: (typeof viewTypes)[number], length: number, form: number): unknown {
  const bytes = length * View.BYTES_PER_ELEMENT;
  if (form === 1) return new SharedArrayBuffer(bytes);
  if (form === 2) return Buffer.alloc(bytes);
  if (form === 3) return new DataView(new ArrayBuffer(bytes));
  const memory = form === 4 ? resizable(bytes) : new ArrayBuffer(bytes);
  const view = new View(memory);
  if (form === 4) (memory as unknown as { resize(bytes: number): void }).resize(0);
  if (form === 5) structuredClone(memory, { transfer: [memory] });
  return form === 6 ? memory : view;
}

function resizable(bytes: number): ArrayBuffer {
  const Resizable = ArrayBuffer as unknown as new (
    bytes: number,
    options: { maxByteLength: number },
  ) => ArrayBuffer;
  return new Resizable(bytes, { maxByteLength: bytes + 8 });
}

const constant = (value: unknown): Recipe => {
  return () => value;
};

/** An open object, a closed one, or an imitation with the same prototype. */
const objects: Arbitrary<Recipe> = fc.nat(5).map((forged) => (pool, draw) => {
  const object = pool.any(draw);
  return forged === 0 && object !== undefined
    ? Object.create(Object.getPrototypeOf(object))
    : object;
});

const anything: Arbitrary<Recipe> = fc.oneof(
  fc.oneof(numbers, bigints, strings, fc.boolean()).map(constant),
  fc.constantFrom(undefined, null, Symbol('any'), Symbol.iterator).map(constant),
  // Chosen by index, because fast-check inspects the values that it is given.
  fc.nat(hostileValues.length - 1).map((index) => constant(hostileValues[index])),
  fc.anything({ maxDepth: 2, withBigInt: true, withTypedArray: true }).map(constant),
  buffers,
  objects,
);

function meant(shape: Shape): Arbitrary<Recipe> {
  switch (shape.kind) {
    case 'number':
      return numbers.map(constant);
    case 'bigint':
      return bigints.map(constant);
    case 'string':
      return fc.oneof(
        { weight: 3, arbitrary: strings.map(constant) },
        { weight: 1, arbitrary: fc.constant<Recipe>((pool, draw) => pool.token(draw)) },
      );
    case 'boolean':
      return fc.boolean().map(constant);
    case 'literal':
      return fc.constant(constant(shape.value));
    case 'nothing':
      return fc.constant(constant(undefined));
    case 'function':
      return fc.constantFrom(
        constant(() => {}),
        constant(async () => {}),
        constant(() => 7),
      );
    case 'union':
      return fc.oneof(...shape.of.map(meant));
    case 'array':
      return fc.array(meant(shape.of), { maxLength: 5 }).map(
        (items): Recipe =>
          (pool, draw) =>
            items.map((item) => item(pool, draw)),
      );
    case 'object':
      return objectOf(shape.members);
    case 'instance':
      return instanceOf(shape.of);
    case 'anything':
      return anything;
  }
}

function objectOf(members: Record<string, Shape>): Arbitrary<Recipe> {
  const entries = Object.entries(members).map(([name, shape]) =>
    fc.option(mostly(shape), { freq: 2, nil: undefined }).map((recipe) => [name, recipe] as const),
  );
  return fc.tuple(...entries).map(
    (chosen): Recipe =>
      (pool, draw) =>
        Object.fromEntries(
          chosen.flatMap(([name, recipe]) => (recipe ? [[name, recipe(pool, draw)]] : [])),
        ),
  );
}

function instanceOf(name: string): Arbitrary<Recipe> {
  if (name === 'AbortSignal') return fc.boolean().map((late) => () => signal(late));
  if (/Array|Buffer|View/.test(name)) return buffers;
  return fc.constant<Recipe>((pool, draw) => pool.one(name, draw));
}

function signal(late: boolean): AbortSignal {
  if (!late) return AbortSignal.abort();
  const controller = new AbortController();
  setImmediate(() => controller.abort());
  return controller.signal;
}

function mostly(shape: Shape): Arbitrary<Recipe> {
  return fc.oneof({ weight: 5, arbitrary: meant(shape) }, { weight: 1, arbitrary: anything });
}

/** Makes arguments by shape, from one seed. */
export class Values {
  readonly #seed: number;
  readonly #decks = new Map<string, readonly Recipe[]>();

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Makes arguments for these parameters. Sometimes there are too few or too many. */
  arguments(parameters: readonly Shape[], pool: Pool, draw: Draw): unknown[] {
    const surplus = draw(16) === 0 ? 1 : 0;
    const missing = draw(8) === 0 ? draw(parameters.length + 1) : 0;
    const shapes = [
      ...parameters.slice(0, parameters.length - missing),
      ...Array.from({ length: surplus }, (): Shape => ({ kind: 'anything' })),
    ];
    return shapes.map((shape) => this.#one(shape, draw)(pool, draw));
  }

  #one(shape: Shape, draw: Draw): Recipe {
    return pick(draw, this.#deck(shape)) as Recipe;
  }

  #deck(shape: Shape): readonly Recipe[] {
    const key = JSON.stringify(shape);
    const known = this.#decks.get(key);
    if (known !== undefined) return known;
    const deck = fc.sample(mostly(shape), { seed: this.#seed, numRuns: DECK });
    this.#decks.set(key, deck);
    return deck;
  }
}
