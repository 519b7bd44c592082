// SPDX-License-Identifier: MIT
// QEMU's monitor (QMP): one JSON object per line; answers come in the order of the commands.
import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';

interface Message {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
  readonly event?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Emits each of QEMU's events (`DEVICE_DELETED`) under its name, with its data. */
export class Monitor extends EventEmitter {
  readonly #stream: Duplex;
  readonly #waiting: Waiting[] = [];

  constructor(stream: Duplex) {
    super();
    this.#stream = stream;
    let unfinished = '';
    stream.setEncoding('utf8').on('data', (text: string) => {
      const lines = (unfinished + text).split('\n');
      unfinished = lines.pop() ?? '';
      for (const line of lines) this.#take(JSON.parse(line));
    });
    stream.on('close', () => this.#abandon());
    // QEMU accepts other commands only after this one. If it fails, the commands that follow fail too.
    this.execute('qmp_capabilities').catch(() => {});
  }

  /** Runs a QMP command. Rejects with QEMU's own message if it fails. */
  execute(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#stream.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    });
  }

  /** Runs a command of the human monitor, for features that QMP lacks. Resolves with its output. */
  async executeHuman(line: string): Promise<string> {
    return String(await this.execute('human-monitor-command', { 'command-line': line }));
  }

  #take(message: Message): void {
    if (message.event !== undefined) this.emit(message.event, message.data ?? {});
    else if (message.error !== undefined)
      this.#waiting.shift()?.reject(new Error(message.error.desc));
    else if (message.return !== undefined) this.#waiting.shift()?.resolve(message.return);
  }

  #abandon(): void {
    for (const { reject } of this.#waiting.splice(0))
      reject(new Error('QEMU ended before it answered'));
  }
}
