// SPDX-License-Identifier: MIT
// The names that registers, fields and values may have.
import { typeError } from '../errors.js';
import { show } from '../internal/validate.js';
import { reservedNames } from './specification.js';

const identifier = /^[A-Za-z_$][\w$]*$/;

/**
 * Checks the name of a register. A register becomes a property, so its name must be an identifier, and not
 * the name of a property that every object has.
 */
export function checkRegisterName(name: string): void {
  if (!identifier.test(name))
    throw invalid(`Expected an identifier for the register ${show(name)}`);
  if (name in Object.prototype)
    throw invalid(
      `A register cannot be called ${name}, because every object has a property of that name`,
    );
}

/**
 * Checks the name of a field. In addition, it must not be the name of a method of its register. `where` is
 * the full name, like `CC.EN`.
 */
export function checkFieldName(where: string, name: string): void {
  if (!identifier.test(name)) throw invalid(`Expected an identifier for the field ${show(where)}`);
  if (!(name in Object.prototype) && !reservedNames.some((taken) => taken === name)) return;
  throw invalid(
    `${where}: a field cannot be called ${name}, because every register has a property of that name`,
  );
}

/** Checks the name of a value. It has no spaces, because describe() separates fields with spaces. */
export function checkValueName(where: string, name: string): void {
  if (!/^[^\s=]+$/.test(name)) {
    throw invalid(
      `Expected a name without spaces or = for a value of ${where} but received ${show(name)}`,
    );
  }
}

function invalid(message: string): TypeError {
  return typeError(message, 'ERR_INVALID_ARG_VALUE');
}
