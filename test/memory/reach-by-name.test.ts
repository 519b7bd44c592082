// SPDX-License-Identifier: MIT
// A program finds only the documented members on the library's objects. It finds no internal member, no object of the
// addon, and no constructor that it can call.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Container, type Device, type DmaBuffer, type Grant, type Group } from '../../lib/index.js';
import type { InterruptSet } from '../../lib/interrupts.js';
import { useMachine } from '../../tools/testing-addon.js';
import { publicOperations } from '../support/public-operations.js';
import { withCode } from './support.js';

const address = '0000:2a:00.0';
useMachine({ address, group: 420, bars: [{ size: 0x1000 }], msix: 2 });

let container: Container;
let group: Group;
let device: Device;
let set: InterruptSet;
let buffer: DmaBuffer;
let grant: Grant;
const operations = publicOperations();

beforeAll(async () => {
  container = await Container.open();
  group = await container.openGroup(420);
  device = await group.openDevice(address);
  device.busMaster = true;
  set = device.enableInterrupts('msix', { count: 2 });
  buffer = device.allocDma(4096);
  grant = device.grant({ memory: [buffer] });
});

afterAll(() => container.close());

const objects: [string, () => object][] = [
  ['Container', () => container],
  ['Group', () => group],
  ['Device', () => device],
  ['Region', () => device.bar(0)],
  ['ConfigSpace', () => device.config],
  ['Doorbell', () => device.bar(0).doorbell(0)],
  ['Batch', () => device.bar(0).batch([])],
  ['InterruptSet', () => set],
  ['Interrupt', () => set.vector(0)],
  ['DmaBuffer', () => buffer],
  ['Grant', () => grant],
];

/** The names of a prototype's members, such as `lend` and `[dispose]`. */
function membersOf(prototype: object): string[] {
  const names = Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor');
  const symbols = Object.getOwnPropertySymbols(prototype).map(
    ({ description = '' }) => `[${description.replace(/^(Symbol|nodejs)\./, '')}]`,
  );
  return [...names, ...symbols].sort();
}

/** Every object that a program can reach from this one through own properties. */
function reachable(from: object, found = new Set<object>()): Set<object> {
  if (found.has(from)) return found;
  found.add(from);
  for (const name of Reflect.ownKeys(from)) {
    const { value } = Object.getOwnPropertyDescriptor(from, name) ?? {};
    if (typeof value === 'object' && value !== null) reachable(value, found);
  }
  return found;
}

describe.each(objects)('of a %s', (name, object) => {
  test('only the documented members are there', () => {
    const documented = operations
      .filter((operation) => operation.startsWith(`${name}.`) && !operation.endsWith('(static)'))
      .map((operation) => operation.slice(name.length + 1).replace(/=$/, ''));
    expect(membersOf(Object.getPrototypeOf(object()))).toEqual([...new Set(documented)].sort());
  });

  test('no property leads to an object of the addon', () => {
    const names = [...reachable(object())].map((each) => each.constructor?.name ?? '');
    expect(names.filter((each) => each.startsWith('Native'))).toEqual([]);
  });

  test('the constructor is found, and refuses', () => {
    const make = object().constructor as new (...args: unknown[]) => object;
    for (const args of [[], [object()], [Symbol('vfio'), object()]]) {
      expect(() => new make(...args)).toThrow(withCode('ERR_ILLEGAL_CONSTRUCTOR'));
    }
  });
});

test('an iteration over interrupts has the members of an iterator', () => {
  const iterator = set.vector(0)[Symbol.asyncIterator]();
  expect(membersOf(Object.getPrototypeOf(iterator))).toEqual(['[asyncIterator]', 'next', 'return']);
  expect(Reflect.ownKeys(iterator)).toEqual([]);
});
