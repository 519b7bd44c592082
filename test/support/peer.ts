// SPDX-License-Identifier: MIT
// Another process that uses this library: it holds a device, is an ordinary user, or gets killed. A test tells it what
// to do, one command of peer-commands.ts at a time.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Commands } from './peer-commands.js';
import type { Answer, Request } from './peer-main.js';

/** How a {@link Peer} differs from this process. */
export interface PeerOptions {
  /** The number of its user and of its group. */
  uid?: number;
  /** Its limit on locked memory, in KiB. */
  memlock?: number;
  /** Whether it runs as root in its own user namespace. Outside, it is the user above. */
  userNamespace?: boolean;
  /** Descriptors that it inherits. Their numbers start at {@link firstDescriptor}. */
  descriptors?: number[];
}

/** The first number after the standard streams and the channel to the parent. */
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

  /** Everything that it wrote to its output streams, including warnings. */
  get output(): string {
    return this.#errors;
  }

  /** Makes it carry out a command. If the command throws, rejects with the fields of the error. */
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

  /** Sends a signal and waits until the process has ended. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#child.kill(signal);
    await this.#ended;
  }

  /** Resolves to its exit status, or to the signal that ended it. */
  get ended(): Promise<number | NodeJS.Signals> {
    return this.#ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}
