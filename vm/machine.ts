// SPDX-License-Identifier: MIT
// The test machine: boots a kernel in QEMU, runs one command in it, and hands over what it wrote.
import { constants } from 'node:os';
import type { Writable } from 'node:stream';
import { chooseAccelerator } from './accelerator.js';
import { VmError } from './errors.js';
import { encodeFrame, Frame, FrameReader } from './frames.js';
import { HostActions } from './host-actions.js';
import { KernelLog } from './kernel-log.js';
import type { Kernel } from './kernels.js';
import { findKernel } from './kernels.js';
import { Monitor } from './monitor.js';
import { clearProgress } from './progress.js';
import type { Accelerator, Qemu } from './qemu.js';
import { startQemu } from './qemu.js';
import { withRunFiles } from './run-files.js';

export interface VmOptions {
  /** `lab`, `distro`, or the path of a kernel image with everything built in. */
  readonly kernel: string;
  /** The program and its arguments; looked up on the guest's PATH, which begins with this Node's. */
  readonly command: readonly string[];
  /** Added to the few variables every command gets: PATH, HOME, LANG and the `VFIO_VM_*` ones. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: the checkout, which has the same path in the guest. */
  readonly cwd?: string;
  /** Run as this uid and gid, without capabilities. Default: root. */
  readonly user?: number;
  /** A command run as root before; its output goes to stderr. The run fails when it does. */
  readonly prepare?: readonly string[];
  /** Seconds after which the guest is killed and the run fails. Default: no limit. */
  readonly time?: number;
  /** More arguments for QEMU. */
  readonly qemuArguments?: readonly string[];
  /**
   * The raw image behind the NVMe controller; made, sparse and 1 GiB large, where it is missing.
   * Default: an empty one that goes away with the machine.
   */
  readonly disk?: string;
  /** Where the command's output goes, byte for byte. Default: nowhere. */
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  /** Called with each line that a guest program writes to the file named by VFIO_VM_RESULTS. */
  readonly onResult?: (line: string) => void;
}

export interface VmResult {
  /** The command's exit status, or null if a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The guest's kernel log, as dmesg prints it. */
  readonly kernelLog: string;
  /** What of it matters when a command failed: all since it started. */
  readonly briefKernelLog: string;
}

/** A guest that has not come as far as the command by then never will. */
const BOOT_LIMIT_SECONDS = 120;
/** Under KVM, which this is for, a boot takes one or two. */
const PROBE_LIMIT_SECONDS = 20;
/** QEMU flushes its disks when asked to end; this long is more than enough. */
const QUIT_LIMIT_MS = 5000;

/**
 * Boots the test machine, runs a command in it and ends it. Rejects with {@link VmError} when the
 * machine fails; a command that fails is a result. While it runs, SIGINT, SIGTERM and SIGHUP end the
 * guest and this process.
 */
export async function runInVm(options: VmOptions): Promise<VmResult> {
  const kernel = await findKernel(options.kernel);
  const boots = (accelerator: Accelerator) => comesUp(kernel, accelerator);
  return start(kernel, await chooseAccelerator(boots), options, BOOT_LIMIT_SECONDS);
}

function start(
  kernel: Kernel,
  accelerator: Accelerator,
  options: VmOptions,
  bootLimit: number,
): Promise<VmResult> {
  return withRunFiles(kernel, options, (files) => {
    clearProgress();
    const extra = options.qemuArguments ?? [];
    const qemu = startQemu({ accelerator, hotplug: kernel.hotplug, extra }, files);
    return new Run(qemu, options, bootLimit).finished;
  });
}

async function comesUp(kernel: Kernel, accelerator: Accelerator): Promise<boolean> {
  const options = { kernel: kernel.image, command: ['true'] };
  const result = await start(kernel, accelerator, options, PROBE_LIMIT_SECONDS).catch(
    () => undefined,
  );
  return result?.status === 0;
}

/** One machine from its start to its end. */
class Run {
  readonly finished: Promise<VmResult>;
  readonly #qemu: Qemu;
  readonly #options: VmOptions;
  readonly #actions: HostActions;
  readonly #log = new KernelLog();
  #console = '';
  #qemuErrors = '';
  #results = '';
  #started = false;
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
    // QEMU's end shows as an error or an end, depending on what was under way; `close` tells.
    for (const stream of [qemu.port, qemu.monitor, qemu.console]) stream.on('error', () => {});
    this.finished = this.#finish(bootLimit);
  }

  async #finish(bootLimit: number): Promise<VmResult> {
    const timers = [this.#limit(bootLimit, () => this.#bootLimit(bootLimit))];
    const { time } = this.#options;
    if (time !== undefined) timers.push(this.#limit(time, () => this.#timeLimit(time)));
    const ended = await new Promise<unknown>((resolve, reject) => {
      this.#qemu.process.on('error', reject);
      this.#qemu.process.on('close', (status, signal) => resolve(status ?? signal));
    });
    for (const timer of timers) clearTimeout(timer);
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#outcome === undefined) throw this.#died(ended);
    return {
      ...this.#outcome,
      kernelLog: this.#log.toString(),
      briefKernelLog: this.#log.brief(),
    };
  }

  #limit(seconds: number, reached: () => void): NodeJS.Timeout {
    return setTimeout(reached, seconds * 1000);
  }

  #bootLimit(seconds: number): void {
    if (this.#started) return;
    this.#fail('ERR_VM_BOOT', `the guest did not come up within ${seconds} s`);
  }

  #timeLimit(seconds: number): void {
    if (this.#outcome !== undefined) return;
    this.#fail('ERR_VM_TIME', `the time limit of ${seconds} s was reached; the guest was killed`);
  }

  #fail(code: VmError['code'], message: string): void {
    this.#failure ??= new VmError(code, message, this.#fullLog());
    this.#qemu.kill();
  }

  /** With the console, which has what the guest could no longer send: a panic, an early boot. */
  #fullLog(): string {
    const console = this.#console.trim() === '' ? '' : `-- console --\n${this.#console.trim()}\n`;
    return this.#log.toString() + console;
  }

  #died(ended: unknown): VmError {
    const log = this.#fullLog();
    const panic = /Kernel panic - .*/.exec(log);
    if (panic !== null) return new VmError('ERR_VM_DIED', `the guest died: ${panic[0]}`, log);
    if (ended !== 0) {
      const why = this.#qemuErrors.trim() || 'it said nothing';
      return new VmError('ERR_VM_QEMU', `QEMU ended with ${ended}: ${why}`, log);
    }
    return this.#started
      ? new VmError('ERR_VM_DIED', 'the guest ended before the command did', log)
      : new VmError('ERR_VM_BOOT', 'the guest ended before the command started', log);
  }

  #handle(kind: number, data: Buffer): void {
    switch (kind) {
      case Frame.started:
        this.#started = true;
        this.#log.endOfBoot();
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
        this.#outcome = decodeStatus(data.readUInt32LE(0));
        this.#quit();
        break;
      case Frame.failed:
        this.#fail('ERR_VM_BOOT', `the guest could not run the command: ${data.toString()}`);
        break;
    }
  }

  /** The connection that asked is named by the first four bytes. */
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

  /** A reader that is slower than the guest slows the guest down. */
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

/** As `wait()` gives it: the signal in the low seven bits, else the status above them. */
function decodeStatus(status: number): Pick<VmResult, 'status' | 'signal'> {
  const number = status & 0x7f;
  if (number === 0) return { status: (status >> 8) & 0xff, signal: null };
  const names = Object.entries(constants.signals) as [NodeJS.Signals, number][];
  const signal = names.find(([, value]) => value === number)?.[0] ?? 'SIGKILL';
  return { status: null, signal };
}
