// SPDX-License-Identifier: MIT
// Waiting until fields of a register have certain values: until(), for any width and any space.
import { VfioError } from '../errors.js';
import { endsWithOwner } from '../internal/ends-with-owner.js';
import { checkPoll, type PollOptions, poll } from '../internal/polling.js';
import { expected } from '../internal/validate.js';
import { AccessFailure } from '../native.js';
import type { Word } from './arithmetic.js';
import type { Field } from './field.js';
import type { Layout } from './layout.js';
import { mustHaveOpenMemory, spaceName } from './spaces.js';
import { compose, decompose, fieldText, textOf } from './values.js';

interface ReadableRegister {
  readonly name: string;
  readonly read: () => Word;
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
    return endsWithOwner(() => wait(this, values, options));
  };

  async function wait(
    register: ReadableRegister,
    values: unknown,
    options: PollOptions,
  ): Promise<Record<string, Word>> {
    const waiting = checkPoll(options, 'until');
    const { mask, value } = compose(layout, values, awaitable, 'until');
    if (mask === zero) throw expected('at least one field', `until() of ${register.name}`, values);
    let last = zero;
    await poll(
      waiting,
      (microseconds) => {
        const end = performance.now() + microseconds / 1000;
        do {
          last = register.read();
          if (and(last, mask) !== value) continue;
          mustHaveOpenMemory(register); // closed memory reads 0, which no device wrote
          return 0;
        } while (performance.now() < end);
        mustHaveOpenMemory(register);
        return AccessFailure.NOT_YET;
      },
      (failure) => failure,
      (timeout) => {
        const text = timeoutText(register, layout, fields, { mask, value, last, timeout });
        throw new VfioError('ERR_VFIO_TIMEOUT', text);
      },
    );
    return decompose(fields, last);
  }
}

/** `STATUS of BAR0 of 0000:01:00.0 did not become LU=1 within 5000 ms (the last read was STATUS 0x00000000 FD=0 LU=0)`. */
function timeoutText(
  register: ReadableRegister,
  layout: Layout,
  fields: readonly Field[],
  { mask, value, last, timeout }: { mask: Word; value: Word; last: Word; timeout: number },
): string {
  const { and, zero } = layout.arithmetic;
  const awaited = fields
    .filter((field) => and(field.mask, mask) !== zero)
    .map((field) => `${field.name}=${fieldText(field, field.extract(value))}`);
  const seen = textOf(register.name, layout, fields, last);
  const place = `${register.name} of ${spaceName(register)}`;
  return `${place} did not become ${awaited.join(' ')} within ${timeout} ms (the last read was ${seen})`;
}
