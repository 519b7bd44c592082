// SPDX-License-Identifier: MIT
// Objects that throw when they are looked at. What they throw is known as theirs.

/** What a program's own code throws, which is no failure of the library. */
export class HostileError extends Error {
  static {
    HostileError.prototype.name = 'HostileError';
  }
}

function refuse(): never {
  throw new HostileError('do not touch');
}

const traps: ProxyHandler<object> = Object.fromEntries(
  Object.getOwnPropertyNames(Reflect).map((trap) => [trap, refuse]),
);

/** A value of each kind that answers every question with an exception. */
export const hostileValues: readonly unknown[] = [
  new Proxy({}, traps),
  new Proxy([], traps),
  new Proxy(() => {}, traps),
  { toString: refuse, valueOf: refuse, [Symbol.toPrimitive]: refuse },
  {
    get length() {
      return refuse();
    },
  },
  {
    get signal() {
      return refuse();
    },
    get count() {
      return refuse();
    },
    get offset() {
      return refuse();
    },
  },
  {
    // biome-ignore lint/suspicious/noThenProperty: a thenable that throws is what this is about
    get then() {
      return refuse();
    },
  },
  { [Symbol.iterator]: refuse, length: 3 },
  () => refuse(),
  async () => refuse(),
  { aborted: false, addEventListener: refuse, removeEventListener: refuse },
  { aborted: false, addEventListener() {} },
];
