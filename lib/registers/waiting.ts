// SPDX-License-Identifier: MIT
// Waiting until fields of a register have certain values: until(), for any width and any space.
import { refusalError } from '../diagnose/failure.js';
import type { FieldTimeout } from '../diagnose/finding.js';
import { closedError } from '../errors.js';
import { endsWithOwner } from '../internal/ends-with-owner.js';
import { checkPoll, type PollOptions, poll } from '../internal/polling.js';
import { expected } from '../internal/validate.js';
import { AccessFailure } from '../native.js';
import type { Word } from './arithmetic.js';
import type { Field } from './field.js';
import type { Layout } from './layout.js';
import { spaceName, spaceOf } from './spaces.js';
import { compose, decompose, fieldText, textOf } from './values.js';

interface ReadableRegister {
  readonly name: string;
  readonly read: () => Word;
}

/** What until() waits for: `read & mask` is `value`. */
interface Awaited {
  readonly mask: Word;
  readonly value: Word;
}

/** Makes until(). It can wait for `fields`: those whose value a read returns. */
export function waiter(layout: Layout, fields: readonly Field[]) {
  const { and, zero } = layout.arithmetic;
  const awaitable = new Map(fields.map((field) => [field.name, field]));
  return function until(
    this: ReadableRegister,
    values: unknown,
    options: PollOptions = {},
  ): Promise<Record<string, Word>> {
    return endsWithOwner(() => {
      const waiting = checkPoll(options, 'until');
      const awaited = compose(layout, values, awaitable, 'until');
      if (awaited.mask === zero)
        throw expected('at least one field', `until() of ${this.name}`, values);
      const now = readOpen(this); // throws now for what is closed already
      return and(now, awaited.mask) === awaited.value
        ? Promise.resolve(decompose(fields, now))
        : wait(this, awaited, waiting);
    });
  };

  async function wait(
    register: ReadableRegister,
    { mask, value }: Awaited,
    waiting: PollOptions,
  ): Promise<Record<string, Word>> {
    let last = zero;
    await poll(
      waiting,
      (microseconds) => {
        const end = performance.now() + microseconds / 1000;
        do {
          last = readOpen(register);
          if (and(last, mask) === value) return 0;
        } while (performance.now() < end);
        return AccessFailure.NOT_YET;
      },
      (failure) => failure,
      (timeout) => {
        const awaited = { mask, value };
        throw refusalError(timeoutOf(register, layout, fields, { awaited, last, timeout }));
      },
    );
    return decompose(fields, last);
  }
}

/** Reads the register. Memory that is closed reads too, but no device wrote that. */
function readOpen(register: ReadableRegister): Word {
  const word = register.read();
  const space = spaceOf(register);
  if (space?.closed === true) throw closedError(space.name);
  return word;
}

function timeoutOf(
  register: ReadableRegister,
  layout: Layout,
  fields: readonly Field[],
  { awaited, last, timeout }: { awaited: Awaited; last: Word; timeout: number },
): FieldTimeout {
  const { and, ones, zero } = layout.arithmetic;
  const space = spaceOf(register);
  const values = fields
    .filter((field) => and(field.mask, awaited.mask) !== zero)
    .map((field) => `${field.name}=${fieldText(field, field.extract(awaited.value))}`);
  return {
    finding: 'fields-not-reached',
    address: space?.address,
    isMemory: space?.closed !== undefined,
    register: `${register.name} of ${spaceName(register)}`,
    awaited: values.join(' '),
    last: textOf(register.name, layout, fields, last),
    isAllOnes: last === ones(layout.width - 1, 0),
    timeout,
  };
}
