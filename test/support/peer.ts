// SPDX-License-Identifier: MIT
// Another process that uses this library: to hold a device, to be an ordinary user, to be killed. A test tells it
// what to do, one command of peer-commands.ts at a time.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Commands } from './peer-commands.js';
import type { Answer, Request } from './peer-main.js';

/** How a {@link Peer} differs from this process. */
export interface PeerOptions {
  /** Its user and group. */
  uid?: number;
  /** What it may lock, in KiB. */
  memlock?: number;
  /** Whether it is root in a user namespace of its own, which its user is outside. */
  userNamespace?: boolean;
  /** Descriptors that it inherits, under the numbers from {@link firstDescriptor} on. */
  descriptors?: number[];
}

/** After its standard streams and the channel to its parent. */
export const firstDescriptor = 4;

const program = fileURLToPath(new URL('peer-main.bundle.js', import.meta.url));

export class Peer implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | NodeJS.Signals>;
  #errors = '';

  constructor({ uid, memlock, userNamespace, descriptors = [] }: PeerOptions = {}) {
    const limit = memlock === undefined ? '' : `ulimit -l ${memlock} && `;
    const namespace = userNamespace ? ['unshare', '--user', '--map-root-user'] : [];
    const args = ['-c', `${limit}exec "$@"`, 'sh', ...namespace, process.execPath, program];
    this.#child = spawn('sh', args, {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc', ...descriptors],
      serialization: 'advanced',
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#errors += text;
      });
    }
    this.#ended = once(this.#child, 'close').then(([status, signal]) => signal ?? status);
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** What it wrote, warnings among it. */
  get output(): string {
    return this.#errors;
  }

  /** Has it perform a command; rejects with the error's fields when that throws there. */
  async call<Name extends keyof Commands>(
    name: Name,
    ...args: Parameters<Commands[Name]>
  ): Promise<Awaited<ReturnType<Commands[Name]>>> {
    const request: Request = { name, args };
    const answer = Promise.race([once(this.#child, 'message'), this.#ended]);
    this.#child.send(request);
    const received = await answer;
    if (!Array.isArray(received)) throw new Error(`the peer ended (${received}): ${this.#errors}`);
    const message = received[0] as Answer;
    if ('error' in message) throw Object.assign(new Error(), message.error);
    return message.value as Awaited<ReturnType<Commands[Name]>>;
  }

  /** Sends a signal and waits for its end. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#child.kill(signal);
    await this.#ended;
  }

  /** Its exit status, or the signal that ended it. */
  get ended(): Promise<number | NodeJS.Signals> {
    return this.#ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}
