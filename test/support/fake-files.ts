// SPDX-License-Identifier: MIT
// node:fs with a fake tree instead of /sys, /proc, /dev and /run. A test can make each call fail.
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
  'lstatSync',
  'mkdirSync',
  'writeFileSync',
  'renameSync',
  'unlinkSync',
] as const;
const asynchronous = ['readFile', 'readdir', 'readlink', 'stat', 'access'] as const;

/** The system call that Node names in the error of each function, if it differs from the function's name. */
const syscallOf: Record<string, string> = {
  readFileSync: 'open',
  readFile: 'open',
  readdirSync: 'scandir',
  readdir: 'scandir',
  writeFileSync: 'open',
};

function isFaked(path: unknown): path is string {
  return typeof path === 'string' && /^\/(sys|proc|dev|run)(\/|$)/.test(path);
}

/** Plays the kernel: called with the path and the text of each write to a file of sysfs. */
export type Write = (path: string, value: string) => Promise<void>;

export class FakeFiles implements Disposable {
  readonly #root: string;
  readonly #write: Write;
  readonly #spies: { mockRestore(): void }[] = [];
  #calls: string[] = [];
  #failure: { nth: number; errno: Errno } | undefined;

  /** Replaces node:fs until it is disposed. */
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

  /** Makes the nth call from now on fail. */
  fail(nth: number, errno: Errno): void {
    this.#calls = [];
    this.#failure = { nth, errno };
  }

  /**
   * Returns the calls since {@link fail} or the last `takeCalls`, and removes the failure. Calls that follow the failed
   * one are included.
   */
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
        if (!isFaked(path)) return real(path, ...rest);
        const failure = this.#enter(name, path);
        const isAsync = (asynchronous as readonly string[]).includes(name);
        if (failure !== undefined && isAsync) return Promise.reject(failure);
        if (failure !== undefined) throw failure;
        // A rename has two paths.
        const [to, ...options] = rest;
        return real(this.#root + path, isFaked(to) ? this.#root + to : to, ...options);
      };
  }

  /** Opens a file of sysfs to be read or written. The `Write` function of the constructor gets what is written. */
  async #open(real: Call, path: unknown, rest: unknown[]): Promise<unknown> {
    if (typeof path !== 'string' || !path.startsWith('/sys/')) return real(path, ...rest);
    this.#mayFail('open', path);
    if (rest.length === 0)
      return this.#readable((await real(this.#root + path)) as FileHandle, path);
    const file: Pick<FileHandle, 'close'> & { write(text: string): Promise<void> } = {
      write: async (text) => {
        this.#mayFail('write', path);
        await this.#write(path, text.trimEnd());
      },
      close: async () => this.#mayFail('close', path),
    };
    return file;
  }

  #readable(file: FileHandle, path: string): Pick<FileHandle, 'close' | 'read'> {
    const read = async (...args: unknown[]) => {
      this.#mayFail('read', path);
      return (file.read as Call).apply(file, args);
    };
    return { read: read as FileHandle['read'], close: () => file.close() };
  }

  #mayFail(name: string, path: string): void {
    const failure = this.#enter(name, path);
    if (failure !== undefined) throw failure;
  }

  /** Counts a call. Returns the error if this call is the one to fail. */
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
