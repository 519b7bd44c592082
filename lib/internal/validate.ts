// SPDX-License-Identifier: MIT
// Argument checks for the public API. They never call methods of the given values, such as toString or valueOf. They
// read each property of options and arrays once, because it may be a getter, and return the value that they read. So a
// hostile object cannot change a value between the check and the use.
import { rangeError, typeError } from '../errors.js';
import { unsignedAdvice } from './unsigned.js';

/** An integer between `min` and `max`, both included. */
export function integer(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number') throw expected('an integer', name, value);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  const limits = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  const advice = min === 0 && max === 0xffff_ffff ? unsignedAdvice(value, 32) : '';
  throw rangeError(
    `Expected an integer ${limits} for ${name} but received ${show(value)}${advice}`,
  );
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

/** A UUID. The message does not show the given value: it may be a secret that only lacks a digit. */
export function uuid(name: string, value: unknown): string {
  if (typeof value !== 'string') throw expected('a UUID', name, value);
  if (uuidPattern.test(value)) return value;
  const example = '83d8f4f2-509f-382f-3c1e-e6bfe0fa1001';
  throw typeError(`Expected a UUID like ${example} for ${name}`, 'ERR_INVALID_ARG_VALUE');
}

/**
 * The options of a call. Each is read once, so that the value that is checked is the value that is used. Unknown keys
 * are refused.
 */
export function options<T extends object>(where: string, value: T, known: readonly string[]): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw expected('an object', `the options of ${where}`, value);
  }
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown === undefined) {
    return Object.fromEntries(known.map((key) => [key, value[key as keyof T]])) as T;
  }
  const message = `Unknown option ${show(unknown)} for ${where}: its options are ${known.join(', ')}`;
  throw typeError(message, 'ERR_INVALID_ARG_VALUE');
}

/** The items of an array. Each is read once. Holes become undefined. */
export function items<T>(name: string, value: readonly T[]): T[] {
  if (!Array.isArray(value)) throw expected('an array', name, value);
  return Array.from({ length: value.length }, (_, index) => value[index] as T);
}

/** A function. */
export function callable<T>(name: string, value: T): T {
  if (typeof value !== 'function') throw expected('a function', name, value);
  return value;
}

/** The longest time that a Node timer accepts, in milliseconds. */
export const maxMilliseconds = 2 ** 31 - 1;

/** The TypeError for a value of the wrong kind. */
export function expected(kind: string, name: string, value: unknown): TypeError {
  return typeError(`Expected ${kind} for ${name} but received ${show(value)}`);
}

/** The text that stands for a value in an error message. */
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
