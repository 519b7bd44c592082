// SPDX-License-Identifier: MIT
// Another process that keeps a file open, and does nothing else.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

const program = `
  require('node:fs').openSync(process.argv[1], Number(process.argv[2]));
  process.stdout.write('open');
  setInterval(() => {}, 2 ** 30);
`;

export class Holder implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = once(child, 'close');
  }

  /** Rejects with the error output of the process if the process cannot open the file. */
  static async of(path: string, flags: number): Promise<Holder> {
    const child = spawn(process.execPath, ['-e', program, path, `${flags}`], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const holder = new Holder(child);
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    const opened = once(child.stdout, 'data').then(() => true);
    if (!(await Promise.race([opened, holder.#ended.then(() => false)]))) throw new Error(errors);
    return holder;
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** Ends the process, which closes the file. */
  async release(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
