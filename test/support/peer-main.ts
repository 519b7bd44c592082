// SPDX-License-Identifier: MIT
// The program of a peer process: it carries out the commands of its parent and answers.
import { commands } from './peer-commands.js';

export interface Request {
  name: keyof typeof commands;
  args: unknown[];
}

/** An error travels to the parent as an object with its fields. */
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
