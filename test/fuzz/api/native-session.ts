// SPDX-License-Identifier: MIT
// Random calls on the addon's exports, which bypass the checks of lib/. The process only has to survive them: what they
// throw is not judged.
import { loadNative } from '../../../lib/internal/load-native.js';
import type { Shape } from '../../support/public-api.js';
import { Calls } from './calls.js';
import { ADDRESSES, type Hardware, makeMachine } from './machine.js';
import { Pool } from './pool.js';
import { type Draw, drawFor, pick } from './random.js';
import { Values } from './values.js';

const LIFE = 300;
const MOST_ARGUMENTS = 6;
const MOST_OBJECTS = 40;

/** The arguments that native code mostly takes. The last kind is anything. */
const SHAPES: readonly Shape[] = [
  { kind: 'number' },
  { kind: 'number' },
  { kind: 'bigint' },
  { kind: 'string' },
  { kind: 'function' },
  { kind: 'instance', of: 'Uint32Array' },
  { kind: 'array', of: { kind: 'number' } },
  { kind: 'anything' },
];

type Functions = Record<string, (...args: unknown[]) => unknown>;

export class NativeSession {
  readonly #seed: number;
  readonly #values: Values;
  readonly #pool = new Pool({});
  readonly #handles: number[] = [];
  #objects: object[] = [];
  #hardware: Hardware = makeMachine();
  readonly calls: Calls;

  constructor(seed: number, trace?: (line: string) => void) {
    this.#seed = seed;
    this.#values = new Values(seed);
    this.calls = new Calls((value) => this.#absorb(value), trace);
    this.calls.judge = () => {};
  }

  async step(number: number): Promise<void> {
    const draw = drawFor(this.#seed, number);
    if (draw(LIFE) === 0) return this.end();
    const choice = draw(100);
    if (choice < 8) this.#open(draw);
    else if (choice < 40) this.#callExport(draw);
    else if (choice < 88) this.#callMethod(draw);
    else if (choice < 92) this.calls.note(`// ${this.#hardware.act(draw)}`);
    else await this.calls.turn();
  }

  async end(): Promise<void> {
    this.#hardware.relent();
    for (const object of this.#objects) this.#call(object as Functions, 'close', []);
    await this.calls.turn();
    this.#objects = [];
    this.#handles.length = 0;
    this.#hardware = makeMachine();
  }

  #open(draw: Draw): void {
    const native = loadNative() as unknown as Functions;
    const container = this.#objects.find((each) => /Container/.test(each.constructor.name));
    if (container === undefined || draw(4) === 0) this.#call(native, 'openContainer', []);
    else this.#call(container as Functions, 'openDevice', [{ address: pick(draw, ADDRESSES) }]);
  }

  #callExport(draw: Draw): void {
    const native = loadNative() as unknown as Functions;
    const name = pick(
      draw,
      Object.keys(native).filter((each) => each !== 'testing'),
    ) as string;
    const args = this.#arguments(draw);
    if (draw(2) === 0) args[0] = pick(draw, this.#handles);
    this.#call(native, name, bounded(name, args, draw));
  }

  #callMethod(draw: Draw): void {
    const object = pick(draw, this.#objects) as Functions | undefined;
    const name = object && pick(draw, methodsOf(object));
    if (object === undefined || name === undefined) this.#open(draw);
    else this.#call(object, name, bounded(name, this.#arguments(draw), draw));
  }

  #call(object: Functions, name: string, args: unknown[]): void {
    const what = `native ${object.constructor.name}.${name}`;
    this.calls.make({ what, args, make: () => object[name]?.(...args) });
  }

  #arguments(draw: Draw): unknown[] {
    const shapes = Array.from({ length: draw(MOST_ARGUMENTS) }, () => pick(draw, SHAPES) as Shape);
    const args = this.#values.arguments(shapes, this.#pool, draw);
    return args.map((arg) => (draw(6) === 0 ? pick(draw, this.#objects) : arg));
  }

  #absorb(value: unknown): void {
    if (typeof value === 'number' && value >= 4096) this.#handles.push(value);
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
    if (methodsOf(value).length > 0 && !(value instanceof ArrayBuffer)) this.#objects.push(value);
    else for (const part of Object.values(value).slice(0, 4)) this.#absorb(part);
    if (this.#objects.length > MOST_OBJECTS) this.#objects.shift();
  }
}

/** Limits the arguments that say how long a call waits. */
function bounded(name: string, args: unknown[], draw: Draw): unknown[] {
  if (name === 'wait') return [args[0], draw(2)];
  if (name === 'poll32') return [...args.slice(0, 4), draw(50)];
  return args;
}

function methodsOf(object: object): string[] {
  const prototype = Object.getPrototypeOf(object) as object | null;
  if (prototype === null || prototype === Object.prototype || Array.isArray(object)) return [];
  return Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor');
}
