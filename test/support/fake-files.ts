// SPDX-License-Identifier: MIT
// node:fs with a fake tree in place of /sys, /proc and /dev, where each call can fail.
import fs from 'node:fs';
import promises, { type FileHandle } from 'node:fs/promises';
import { constants } from 'node:os';
import { jest } from '@jest/globals';

type Call = (...args: unknown[]) => unknown;
type Errno = keyof typeof constants.errno;

const synchronous = [
  'readFileSync',
  'readlinkSync',
  'readdirSync',
  'realpathSync',
  'statSync',
] as const;
const asynchronous = ['readFile', 'readdir', 'readlink'] as const;

/** What it is called in an error of Node's. */
const syscallOf: Record<string, string> = {
  readFileSync: 'open',
  readFile: 'open',
  readdirSync: 'scandir',
  readdir: 'scandir',
};

/** A file of sysfs acts on what is written to it. */
export type Write = (path: string, value: string) => Promise<void>;

export class FakeFiles implements Disposable {
  readonly #root: string;
  readonly #write: Write;
  readonly #spies: { mockRestore(): void }[] = [];
  #calls: string[] = [];
  #failure: { nth: number; errno: Errno } | undefined;

  /** From now on, until disposed. */
  constructor(root: string, write: Write) {
    this.#root = root;
    this.#write = write;
    for (const name of synchronous) this.#replace(fs, name, this.#redirected(name));
    for (const name of asynchronous) this.#replace(promises, name, this.#redirected(name));
    this.#replace(fs, 'openSync', this.#redirected('openSync'));
    this.#replace(
      promises,
      'open',
      (real) =>
        (path, ...rest) =>
          this.#open(real, path, rest),
    );
  }

  [Symbol.dispose](): void {
    for (const spy of this.#spies) spy.mockRestore();
  }

  /** The nth call from now on fails. */
  fail(nth: number, errno: Errno): void {
    this.#calls = [];
    this.#failure = { nth, errno };
  }

  /** What was called since then; the call that failed, if any, comes last but for what followed it. */
  takeCalls(): string[] {
    const calls = this.#calls;
    this.#calls = [];
    this.#failure = undefined;
    return calls;
  }

  #replace(module: object, name: string, by: (real: Call) => Call): void {
    const table = module as Record<string, Call>;
    const real = table[name] as Call;
    const spy = jest.spyOn(table, name).mockImplementation(by(real));
    this.#spies.push(spy);
  }

  #redirected(name: string): (real: Call) => Call {
    return (real) =>
      (path, ...rest) => {
        const isOurs = typeof path === 'string' && /^\/(sys|proc|dev)\//.test(path);
        if (!isOurs) return real(path, ...rest);
        const failure = this.#enter(name, path);
        const isAsync = (asynchronous as readonly string[]).includes(name);
        if (failure !== undefined && isAsync) return Promise.reject(failure);
        if (failure !== undefined) throw failure;
        return real(this.#root + path, ...rest);
      };
  }

  /** A file to be written to; what is written goes to whoever plays the kernel. */
  async #open(real: Call, path: unknown, rest: unknown[]): Promise<unknown> {
    if (typeof path !== 'string' || !path.startsWith('/sys/')) return real(path, ...rest);
    this.#mayFail('open', path);
    const file: Pick<FileHandle, 'close'> & { write(text: string): Promise<void> } = {
      write: async (text) => {
        this.#mayFail('write', path);
        await this.#write(path, text.trimEnd());
      },
      close: async () => this.#mayFail('close', path),
    };
    return file;
  }

  #mayFail(name: string, path: string): void {
    const failure = this.#enter(name, path);
    if (failure !== undefined) throw failure;
  }

  /** Counts a call; the error to fail it with, when it is its turn. */
  #enter(name: string, path: string): Error | undefined {
    this.#calls.push(`${name} ${path}`);
    if (this.#failure?.nth !== this.#calls.length) return undefined;
    const { errno: code } = this.#failure;
    const syscall = syscallOf[name] ?? name.replace('Sync', '');
    const errno = -constants.errno[code];
    return Object.assign(new Error(`${code}: ${syscall} '${path}'`), {
      code,
      errno,
      syscall,
      path,
    });
  }
}
