// SPDX-License-Identifier: MIT
// Objects that throw when they are inspected. Their exceptions are recognisable.

/** An exception from the program's own code, which is not a failure of the library. */
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

/** Values of different kinds that answer every access with an exception. */
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
    // biome-ignore lint/suspicious/noThenProperty: this value must be a thenable that throws
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
