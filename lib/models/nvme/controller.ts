// SPDX-License-Identifier: MIT
// The running controller: fetches commands when doorbells are rung, executes them and completes them.
import { executeAdmin } from './admin.js';
import type { Faults } from './armed-faults.js';
import type { DoorbellName } from './doorbells.js';
import { EVENTS, Events } from './events.js';
import type { DeviceFault, NvmeCommandFault } from './faults.js';
import { Features } from './features.js';
import type { NvmeHost } from './host.js';
import type { Interrupts } from './interrupts.js';
import { executeIo } from './io.js';
import { Logs } from './logs.js';
import { NvmeNamespaces } from './namespaces.js';
import type { Settings } from './options.js';
import type { Parts } from './parts.js';
import { type AdminQueues, type EntrySizes, Queues } from './queues.js';
import {
  type Completion,
  type CompletionQueue,
  RingUnreachable,
  type SubmissionQueue,
} from './rings.js';
import { CommandFailure, demand, StatusCode, statusField } from './status.js';
import type { Submission } from './submission.js';
import { Timers } from './timers.js';

/** What a running controller needs from the rest of the model. */
export interface ControllerSurroundings {
  readonly settings: Settings;
  readonly host: NvmeHost;
  readonly interrupts: Interrupts;
  readonly faults: Faults;
  /** CC.IOSQES and CC.IOCQES. */
  entrySizes(): EntrySizes;
  /** Sets CSTS.CFS. */
  failed(): void;
  /** A command meets a fault of the whole device. */
  deviceFault(fault: DeviceFault): void;
}

export class Controller implements Parts {
  readonly settings: Settings;
  readonly host: NvmeHost;
  readonly namespaces: NvmeNamespaces;
  readonly queues: Queues;
  readonly features = new Features();
  readonly logs: Logs;
  readonly events: Events;
  readonly #around: ControllerSurroundings;
  readonly #late = new Timers();
  /** Commands that neither execute nor complete. */
  #hung: Submission[] = [];
  /** Completions that wait for a later one of their queue. */
  #heldBack: [CompletionQueue, Completion][] = [];
  /** Queues with new completions since the last interrupts. */
  readonly #fresh = new Set<CompletionQueue>();
  #running = false;

  constructor(around: ControllerSurroundings) {
    this.#around = around;
    this.settings = around.settings;
    this.host = around.host;
    this.queues = new Queues(this.settings);
    this.logs = new Logs(this.settings.firmware);
    this.events = new Events(this.settings.eventRequests, (request, result) =>
      this.#complete(request, 0, result),
    );
    this.namespaces = new NvmeNamespaces(this.settings.maxNamespaces, (nsid) =>
      this.#namespaceChanged(nsid),
    );
  }

  get entrySizes(): EntrySizes {
    return this.#around.entrySizes();
  }

  start(admin: AdminQueues): void {
    this.queues.start(admin);
    this.#running = true;
  }

  /** Fetches no more commands, and completes none. */
  halt(): void {
    this.#running = false;
    this.#late.clear();
  }

  /** A reset: it forgets all queues and everything in flight. The logs stay. */
  stop(): void {
    this.halt();
    this.#hung = [];
    this.#heldBack = [];
    this.#fresh.clear();
    this.queues.clear();
    this.events.clear();
    this.features.clear();
    this.#around.interrupts.clear();
  }

  /** The position that a doorbell was last set to. */
  doorbell({ queue, kind }: DoorbellName): number {
    if (kind === 'tail') return this.queues.submission.get(queue)?.tail ?? 0;
    return this.queues.completion.get(queue)?.head ?? 0;
  }

  /** The driver wrote a doorbell. A wrong value changes nothing and is reported as an event. */
  ring({ queue, kind }: DoorbellName, value: number): void {
    if (!this.#running) return;
    this.#guarded(() => this.#move({ queue, kind }, value));
    this.#announce();
  }

  abort(queue: number, cid: number): boolean {
    const event = queue === 0 ? this.events.take(cid) : undefined;
    const command = event ?? this.#takeHung((each) => each.queue === queue && each.cid === cid)[0];
    if (command === undefined) return false;
    this.#complete(command, statusField(StatusCode.ABORT_REQUESTED), 0);
    return true;
  }

  endCommandsOf(queue: number): void {
    for (const command of this.#takeHung((each) => each.queue === queue)) {
      this.#complete(command, statusField(StatusCode.SQ_DELETED), 0);
    }
  }

  #move({ queue, kind }: DoorbellName, value: number): void {
    if (kind === 'tail') {
      const ring = this.#movable(this.queues.submission.get(queue), value);
      if (ring === undefined) return;
      ring.tail = value;
      this.#fetch(ring);
    } else {
      const ring = this.#movable(this.queues.completion.get(queue), value);
      if (ring === undefined) return;
      ring.head = value;
      this.#consumed(ring);
    }
  }

  /** The ring, if the driver may set its end to this value. If not, reports that as an event. */
  #movable<T extends SubmissionQueue | CompletionQueue>(
    ring: T | undefined,
    value: number,
  ): T | undefined {
    if (ring?.accepts(value)) return ring;
    this.events.raise(ring ? EVENTS.INVALID_DOORBELL_VALUE : EVENTS.INVALID_DOORBELL);
    return undefined;
  }

  #takeHung(chosen: (command: Submission) => boolean): Submission[] {
    const taken = this.#hung.filter(chosen);
    this.#hung = this.#hung.filter((command) => !chosen(command));
    return taken;
  }

  #namespaceChanged(nsid: number): void {
    this.logs.addChanged(nsid);
    if (!this.#running || !this.features.namespaceNotices) return;
    this.#guarded(() => this.events.raise(EVENTS.NAMESPACES_CHANGED));
    this.#announce();
  }

  /** The driver made room in a completion queue, so its submission queues may have waited. */
  #consumed(queue: CompletionQueue): void {
    this.#post(queue);
    this.#around.interrupts.consumed(queue);
    for (const each of this.queues.submission.values()) {
      if (each.completionQueue === queue) this.#fetch(each);
    }
  }

  /** It stops while completions wait for slots, so that a driver which does not consume them cannot make it grow. */
  #fetch(queue: SubmissionQueue): void {
    while (this.#running && !queue.completionQueue.blocked) {
      const command = queue.take(this.host);
      if (command === undefined) return;
      this.#handle(command);
    }
  }

  #handle(command: Submission): void {
    const fault = this.#around.faults.forCommand(command);
    switch (fault?.fault) {
      case 'hung':
        this.#hung.push(command);
        return;
      case 'fatal':
      case 'removed':
        this.#around.deviceFault(fault);
        return;
      case 'status':
        this.#complete(command, fault.status, 0);
        return;
      case 'all-ones':
        this.#around.deviceFault(fault);
        this.#execute(command, undefined);
        return;
      default:
        this.#execute(command, fault);
    }
  }

  #execute(command: Submission, fault: NvmeCommandFault | undefined): void {
    try {
      // The model executes no fused commands, and has no SGLs.
      demand(command.fused === 0 && command.psdt === 0, StatusCode.INVALID_FIELD);
      const execute = command.queue === 0 ? executeAdmin : executeIo;
      const result = execute(this, command);
      if (result !== undefined) this.#complete(command, 0, result, fault);
    } catch (error) {
      this.#complete(command, statusOf(error), 0, fault);
    }
  }

  #complete(command: Submission, status: number, result: number, fault?: NvmeCommandFault): void {
    if (status !== 0) this.logs.addError(command, status);
    const queue = this.queues.submission.get(command.queue)?.completionQueue;
    if (queue === undefined) return;
    const { queue: from, cid } = command;
    this.#deliver(queue, { queue: from, cid, status, result, announced: true }, fault);
  }

  #deliver(queue: CompletionQueue, completion: Completion, fault?: NvmeCommandFault): void {
    switch (fault?.fault) {
      case 'lost':
        return;
      case 'late':
        this.#late.after(fault.ms, () => {
          this.#guarded(() => this.#add(queue, completion));
          this.#announce();
        });
        return;
      case 'reordered':
        this.#heldBack.push([queue, completion]);
        return;
      case 'duplicated':
        this.#add(queue, completion, completion);
        return;
      case 'wrong-id':
        this.#add(queue, { ...completion, cid: fault.id ?? 0xffff });
        return;
      case 'wrong-queue': {
        const other = this.queues.completion.get(fault.queue);
        if (other !== undefined) this.#add(other, completion);
        return;
      }
      case 'silent':
        this.#add(queue, { ...completion, announced: false });
        return;
      default:
        this.#add(queue, completion);
    }
  }

  /** Adds completions, and after them those that were held back for one to pass. */
  #add(queue: CompletionQueue, ...completions: Completion[]): void {
    // A late completion can come after its queue was deleted.
    if (this.queues.completion.get(queue.id) !== queue) return;
    const passed = this.#heldBack.filter(([held]) => held === queue).map(([, held]) => held);
    this.#heldBack = this.#heldBack.filter(([held]) => held !== queue);
    for (const completion of [...completions, ...passed]) queue.add(completion);
    this.#post(queue);
  }

  #post(queue: CompletionQueue): void {
    if (queue.post(this.host, (id) => this.queues.headOf(id))) this.#fresh.add(queue);
  }

  /** One interrupt for everything that was completed since the last call. */
  #announce(): void {
    if (this.#fresh.size === 0) return;
    this.#around.interrupts.announce(this.#fresh);
    this.#fresh.clear();
  }

  /** A ring that cannot be reached ends the controller: there is no command that could report it. */
  #guarded(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (!(error instanceof RingUnreachable)) throw error;
      this.#around.failed();
    }
  }
}

/** An error of the file system below a namespace is an internal error. All others are mistakes of the model. */
function statusOf(error: unknown): number {
  if (error instanceof CommandFailure) return error.status;
  if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
  return statusField(StatusCode.INTERNAL_ERROR);
}
