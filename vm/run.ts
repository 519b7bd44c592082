// SPDX-License-Identifier: MIT
// One run of the machine, from the start of QEMU to its end.
import { constants } from 'node:os';
import type { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { VmError } from './errors.js';
import { encodeFrame, Frame, FrameReader } from './frames.js';
import { HostActions } from './host-actions.js';
import { KernelLog } from './kernel-log.js';
import { Monitor } from './monitor.js';
import type { VmOptions, VmResult } from './options.js';
import type { Qemu } from './qemu.js';

/** QEMU flushes its disks when it is asked to end. This is more than enough time for it. */
const QUIT_LIMIT_MS = 5000;
/** Node's limit for timers. A timer with a longer delay would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class Run {
  readonly finished: Promise<VmResult>;
  readonly #qemu: Qemu;
  readonly #options: VmOptions;
  readonly #actions: HostActions;
  readonly #log = new KernelLog();
  #console = '';
  #qemuErrors = '';
  #results = '';
  #started = false;
  #timer: NodeJS.Timeout | undefined;
  #outcome: Pick<VmResult, 'status' | 'signal'> | undefined;
  #failure: VmError | undefined;

  constructor(qemu: Qemu, options: VmOptions, bootLimit: number) {
    this.#qemu = qemu;
    this.#options = options;
    this.#actions = new HostActions(new Monitor(qemu.monitor));
    const reader = new FrameReader((kind, data) => this.#handle(kind, data));
    qemu.port.on('data', (chunk: Buffer) => reader.push(chunk));
    qemu.console.on('data', (chunk: Buffer) => {
      this.#console += chunk.toString('latin1');
    });
    qemu.stderr.on('data', (chunk: Buffer) => {
      this.#qemuErrors += chunk.toString();
    });
    // When QEMU ends, these streams report an error or an end. The process's `close` event handles both.
    for (const stream of [qemu.port, qemu.monitor, qemu.console]) stream.on('error', () => {});
    this.finished = this.#finish(bootLimit);
  }

  async #finish(bootLimit: number): Promise<VmResult> {
    this.#limit(bootLimit, 'ERR_VM_BOOT', `the guest did not boot within ${bootLimit} s`);
    const ended = await new Promise<unknown>((resolve, reject) => {
      this.#qemu.process.on('error', reject);
      this.#qemu.process.on('close', (status, signal) => resolve(status ?? signal));
    });
    clearTimeout(this.#timer);
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#outcome === undefined) throw this.#died(ended);
    return {
      ...this.#outcome,
      kernelLog: this.#log.toString(),
      briefKernelLog: this.#log.brief(),
    };
  }

  /** Sets a time limit, which replaces the previous one. */
  #limit(seconds: number, code: VmError['code'], message: string): void {
    clearTimeout(this.#timer);
    const delay = Math.min(seconds * 1000, LONGEST_TIMER_MS);
    this.#timer = setTimeout(() => this.#fail(code, message), delay);
  }

  /** The guest has booted. From now on, the time limit of the command applies. */
  #begin(): void {
    const { time } = this.#options;
    this.#started = true;
    this.#log.endOfBoot();
    clearTimeout(this.#timer);
    if (time === undefined) return;
    this.#limit(
      time,
      'ERR_VM_TIME',
      `the command did not end within its time limit of ${time} s, so the guest was killed`,
    );
  }

  #fail(code: VmError['code'], message: string): void {
    this.#failure ??= new VmError(code, message, this.#logOfFailure());
    this.#qemu.kill();
  }

  /** Includes the console, because it has the messages that the guest could not send: a panic, an early boot. */
  #logOfFailure(): string {
    const log = this.#started ? this.#log.brief() : this.#log.toString();
    const console = stripVTControlCharacters(this.#console).trim();
    return console === '' ? log : `${log}-- console --\n${console}\n`;
  }

  #died(ended: unknown): VmError {
    const log = this.#logOfFailure();
    const panic = /Kernel panic - .*/.exec(log)?.[0];
    const errors = this.#qemuErrors.trim();
    if (typeof ended === 'number' && ended !== 0) {
      return new VmError('ERR_VM_QEMU', `QEMU ended with status ${ended}: ${errors}`, log);
    }
    const crashed = ended !== 0;
    const why =
      panic ?? (crashed ? `${ended} ended QEMU: ${errors}` : 'the guest powered off or rebooted');
    if (!this.#started) return new VmError('ERR_VM_BOOT', `the guest did not boot: ${why}`, log);
    const message = `the guest died before the command ended: ${why}`;
    return new VmError(crashed ? 'ERR_VM_CRASHED' : 'ERR_VM_DIED', message, log);
  }

  #handle(kind: number, data: Buffer): void {
    switch (kind) {
      case Frame.started:
        this.#begin();
        break;
      case Frame.stdout:
        this.#pass(data, this.#options.stdout);
        break;
      case Frame.stderr:
        this.#pass(data, this.#options.stderr);
        break;
      case Frame.result:
        this.#passResult(data);
        break;
      case Frame.kernelLog:
        this.#log.push(data);
        break;
      case Frame.request:
        void this.#answer(data);
        break;
      case Frame.exit:
        clearTimeout(this.#timer);
        this.#outcome = decodeStatus(data.readUInt32LE(0));
        this.#quit();
        break;
      case Frame.failed:
        this.#fail('ERR_VM_GUEST', `the guest could not run the command: ${data.toString()}`);
        break;
    }
  }

  /** The first four bytes identify the connection that sent the request. The reply begins with them too. */
  async #answer(request: Buffer): Promise<void> {
    const connection = Buffer.from(request.subarray(0, 4));
    const reply = await this.#actions.answer(request.toString('utf8', 4));
    this.#qemu.port.write(
      encodeFrame(Frame.reply, Buffer.concat([connection, Buffer.from(reply)])),
    );
  }

  #passResult(data: Buffer): void {
    const lines = (this.#results + data.toString()).split('\n');
    this.#results = lines.pop() ?? '';
    for (const line of lines) this.#options.onResult?.(line);
  }

  /** Passes on output. If the reader is slower than the guest, it pauses the port, so that the guest waits. */
  #pass(data: Buffer, to: Writable | undefined): void {
    if (to === undefined || to.write(data)) return;
    this.#qemu.port.pause();
    to.once('drain', () => this.#qemu.port.resume());
  }

  #quit(): void {
    this.#qemu.process.kill('SIGTERM');
    const timer = setTimeout(() => this.#qemu.kill(), QUIT_LIMIT_MS);
    this.#qemu.process.once('exit', () => clearTimeout(timer));
  }
}

/** Decodes a status of `wait()`: the low seven bits are the signal. If they are 0, the bits 8 to 15 are the status. */
function decodeStatus(status: number): Pick<VmResult, 'status' | 'signal'> {
  const number = status & 0x7f;
  if (number === 0) return { status: (status >> 8) & 0xff, signal: null };
  const names = Object.entries(constants.signals) as [NodeJS.Signals, number][];
  const signal = names.find(([, value]) => value === number)?.[0] ?? 'SIGKILL';
  return { status: null, signal };
}
