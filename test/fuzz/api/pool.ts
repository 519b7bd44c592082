// SPDX-License-Identifier: MIT
// The objects that calls have returned so far, open and closed.
import type { PublicApi } from '../../support/public-api.js';
import { type Draw, pick } from './random.js';

/** The most objects of one class. The pool forgets the oldest, as a program would. */
const MOST = 8;

export class Pool {
  readonly #classes: PublicApi['classes'];
  readonly #objects = new Map<string, object[]>();

  constructor(classes: PublicApi['classes']) {
    this.#classes = classes;
  }

  /** Adds the result of a call, if its class has members. */
  absorb(value: unknown): void {
    if (Array.isArray(value)) for (const item of value.slice(0, MOST)) this.absorb(item);
    const name = this.#classOf(value);
    if (name === undefined) return;
    const known = this.#objects.get(name) ?? [];
    if (!known.includes(value as object)) known.push(value as object);
    if (known.length > MOST) known.shift();
    this.#objects.set(name, known);
  }

  /** Returns a random object of the class. */
  one(name: string, draw: Draw): object | undefined {
    return pick(draw, this.#objects.get(name) ?? []);
  }

  /** Returns a random object. Each class is equally likely. */
  any(draw: Draw): object | undefined {
    const name = pick(draw, [...this.#objects.keys()]);
    return name === undefined ? undefined : this.one(name, draw);
  }

  all(name: string): readonly object[] {
    return this.#objects.get(name) ?? [];
  }

  /** Returns the token of a random grant. */
  token(draw: Draw): string | undefined {
    return (this.one('Grant', draw) as { token: string } | undefined)?.token;
  }

  clear(): void {
    this.#objects.clear();
  }

  #classOf(value: unknown): string | undefined {
    if (typeof value !== 'object' || value === null) return undefined;
    const name = value.constructor?.name;
    return name !== undefined && name in this.#classes && name !== 'VfioError' ? name : undefined;
  }
}
