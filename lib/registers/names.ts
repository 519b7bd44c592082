// SPDX-License-Identifier: MIT
// What registers, fields and values may be called.
import { typeError } from '../errors.js';
import { show } from '../internal/validate.js';
import { reservedNames } from './specification.js';

const identifier = /^[A-Za-z_$][\w$]*$/;

/** A register becomes a property, so its name is an identifier, and none that every object has. */
export function checkRegisterName(name: string): void {
  if (!identifier.test(name))
    throw invalid(`Expected an identifier for the register ${show(name)}`);
  if (name in Object.prototype) throw invalid(`A register cannot be called ${name}`);
}

/** The same for a field, which stands beside the methods of its register. `where` is `CC.EN`. */
export function checkFieldName(where: string, name: string): void {
  if (!identifier.test(name)) throw invalid(`Expected an identifier for the field ${show(where)}`);
  if (!(name in Object.prototype) && !reservedNames.some((taken) => taken === name)) return;
  throw invalid(`${where}: a field cannot be called ${name}, every register has that`);
}

/** Text has no spaces inside a value. */
export function checkValueName(where: string, name: string): void {
  if (!/^[^\s=]+$/.test(name)) {
    throw invalid(
      `Expected a name without space or = for a value of ${where} but received ${show(name)}`,
    );
  }
}

function invalid(message: string): TypeError {
  return typeError(message, 'ERR_INVALID_ARG_VALUE');
}
