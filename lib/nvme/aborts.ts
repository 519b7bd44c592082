// SPDX-License-Identifier: MIT
// Sends Abort commands one at a time, which every Abort Command Limit allows (NVMe Base Specification 2.0, 5.1).
import { abort, type Command } from './commands.js';

/** Aborts of a controller. ACL says how many may be in flight; it is 0's based, so one is always allowed. */
export class Aborts {
  readonly #admin: (command: Command) => Promise<number>;
  #last: Promise<unknown> = Promise.resolve();

  constructor(admin: (command: Command) => Promise<number>) {
    this.#admin = admin;
  }

  /** Returns whether the command was aborted: bit 0 of dword 0 is 0. */
  send(sqid: number, cid: number): Promise<boolean> {
    const sent = this.#last.then(async () => ((await this.#admin(abort(sqid, cid))) & 1) === 0);
    this.#last = sent.catch(() => {});
    return sent;
  }
}
