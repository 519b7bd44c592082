// SPDX-License-Identifier: MIT
// The program of a peer process: does what its parent asks and answers.
import { commands } from './peer-commands.js';

export interface Request {
  name: keyof typeof commands;
  args: unknown[];
}

/** An error's fields cross to the parent as plain data. */
export type Answer = { value: unknown } | { error: { message: string } & Record<string, unknown> };

async function perform({ name, args }: Request): Promise<Answer> {
  try {
    const command = commands[name] as (...args: unknown[]) => unknown;
    return { value: await command(...args) };
  } catch (failure) {
    const error = failure as Error;
    return { error: { ...error, message: error.message, stack: error.stack } };
  }
}

process.on('message', (request: Request) => {
  void perform(request).then((answer) => process.send?.(answer));
});
