// SPDX-License-Identifier: MIT
// Makes a call of one member of an object: calls it, reads it, or assigns to it.
import type { Member } from '../../support/public-api.js';
import type { Call } from './calls.js';
import type { Pool } from './pool.js';
import type { Draw } from './random.js';
import type { Values } from './values.js';

/** Methods that block the thread for as long as their argument says. */
const BLOCKING = /^waitSync$/;

export function useMember(
  object: object,
  member: Member,
  { values, pool, draw }: { values: Values; pool: Pool; draw: Draw },
): Call {
  const key = keyOf(member.name);
  const what = `${object.constructor.name}.${member.name}`;
  const target = object as Record<PropertyKey, unknown>;
  if (member.kind === 'method') {
    const args = argumentsOf(member, values.arguments(member.parameters, pool, draw), draw);
    // Sometimes calls the method on another object: perhaps closed, or of another class.
    const self = draw(40) === 0 ? pool.any(draw) : object;
    const make = () => Reflect.apply(target[key] as () => unknown, self, args);
    return { what, args, make, onlySurvive: self !== object };
  }
  if (member.kind === 'accessor' && draw(2) === 0) {
    const [value] = values.arguments(member.parameters, pool, draw);
    const assign = () => {
      target[key] = value;
    };
    return { what: `${what} =`, args: [value], make: assign };
  }
  return { what: `get ${what}`, args: [], make: () => target[key] };
}

function argumentsOf(member: Member, args: unknown[], draw: Draw): unknown[] {
  return BLOCKING.test(member.name) ? [draw(3), ...args.slice(1)] : args;
}

function keyOf(name: string): PropertyKey {
  const [, symbol] = name.split('Symbol.');
  return symbol === undefined ? name : (Symbol[symbol as keyof typeof Symbol] as symbol);
}
