// SPDX-License-Identifier: MIT
// Argument checks at the door of the public API. They never call into a value they were given: no toString, no
// valueOf. What may be a getter, of options and arrays, they read once and give back what they read, so that a
// hostile object changes nothing between check and use.
import { rangeError, typeError } from '../errors.js';

/** An integer between `min` and `max`, both included. */
export function integer(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number') throw expected('an integer', name, value);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  const limits = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  throw rangeError(`Expected an integer ${limits} for ${name} but received ${show(value)}`);
}

/** A power of two between `min` and `max`, both included. */
export function powerOfTwo(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number') throw expected('a power of two', name, value);
  if (value >= min && value <= max && 2 ** Math.round(Math.log2(value)) === value) return value;
  const limits = `from ${min} to ${max}`;
  throw rangeError(`Expected a power of two ${limits} for ${name} but received ${show(value)}`);
}

/** One of a few strings. */
export function oneOf<T extends string>(name: string, value: unknown, choices: readonly T[]): T {
  if (choices.includes(value as T)) return value as T;
  const list = choices.map((choice) => `'${choice}'`).join(', ');
  const message = `Expected one of ${list} for ${name} but received ${show(value)}`;
  throw typeError(
    message,
    typeof value === 'string' ? 'ERR_INVALID_ARG_VALUE' : 'ERR_INVALID_ARG_TYPE',
  );
}

/** A boolean. */
export function boolean(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw expected('a boolean', name, value);
  return value;
}

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A UUID. What was given instead is not shown: it may be a secret that lacks a digit. */
export function uuid(name: string, value: unknown): string {
  if (typeof value !== 'string') throw expected('a UUID', name, value);
  if (uuidPattern.test(value)) return value;
  const example = '83d8f4f2-509f-382f-3c1e-e6bfe0fa1001';
  throw typeError(`Expected a UUID like ${example} for ${name}`, 'ERR_INVALID_ARG_VALUE');
}

/**
 * The options of a call, each read once, whatever it is: the check and the use are of the same value. There is no key
 * beside the known ones.
 */
export function options<T extends object>(where: string, value: T, known: readonly string[]): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw expected('an object', `the options of ${where}`, value);
  }
  const stranger = Object.keys(value).find((key) => !known.includes(key));
  if (stranger === undefined) {
    return Object.fromEntries(known.map((key) => [key, value[key as keyof T]])) as T;
  }
  const message = `Unknown option ${show(stranger)} for ${where}: it takes ${known.join(', ')}`;
  throw typeError(message, 'ERR_INVALID_ARG_VALUE');
}

/** The items of an array, each read once; holes are undefined. */
export function items<T>(name: string, value: readonly T[]): T[] {
  if (!Array.isArray(value)) throw expected('an array', name, value);
  return Array.from({ length: value.length }, (_, index) => value[index] as T);
}

/** A function. */
export function callable<T>(name: string, value: T): T {
  if (typeof value !== 'function') throw expected('a function', name, value);
  return value;
}

/** The longest time a Node timer takes, in milliseconds. */
export const maxMilliseconds = 2 ** 31 - 1;

/** The TypeError for a value of the wrong kind. */
export function expected(kind: string, name: string, value: unknown): TypeError {
  return typeError(`Expected ${kind} for ${name} but received ${show(value)}`);
}

/** A value as an error message shows it. */
export function show(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
    case 'bigint':
      return `${value}n`;
    case 'object':
      return value === null ? 'null' : 'an object';
    case 'function':
    case 'symbol':
      return `a ${typeof value}`;
    default:
      return Object.is(value, -0) ? '-0' : String(value);
  }
}
