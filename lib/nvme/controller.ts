// SPDX-License-Identifier: MIT
// An NVMe controller over PCIe: starts it, has its queues, and shuts it down in order.
import {
  bindRegisters,
  type Device,
  type Grant,
  type InterruptSet,
  type InterruptType,
} from 'vfio';
import { Aborts } from './aborts.js';
import {
  AdminOpcode,
  adminName,
  type Command,
  createCompletionQueue,
  createSubmissionQueue,
  deleteCompletionQueue,
  deleteSubmissionQueue,
  nvmName,
} from './commands.js';
import { NvmeError, NvmeStatusError } from './errors.js';
import { eventsOf, type NvmeEvent } from './events.js';
import { Features, setFeature } from './features.js';
import type { ControllerIdentity } from './identify.js';
import { Identify } from './identity.js';
import { armVectors } from './interrupts.js';
import type { QueueOffer } from './lent-queue.js';
import { disable, enable, shutdown } from './lifecycle.js';
import { Logs } from './logs.js';
import { type IoPath, Namespace, type NamespaceOwner } from './namespace.js';
import { PAGE_BYTES } from './prp.js';
import type { QueuePair } from './queue.js';
import { Queues } from './queues.js';
import { type NvmeRegisters, REGISTERS } from './registers.js';
import { Sender } from './sender.js';
import { ABORTED_BY_HOST, type Status } from './status.js';
import { Watchdog } from './watchdog.js';

export interface ControllerOptions {
  /** How the controller announces completions. Default: the first of MSI-X, MSI and INTx that it has. */
  readonly interrupts?: InterruptType;
  /** Slots of the I/O queue. 64 slots fill one page. The controller may allow fewer. */
  readonly queueEntries?: number;
  /** The longest read or write in one command, in bytes. The controller may allow less (MDTS). */
  readonly maxTransferBytes?: number;
  /** How many more queue pairs other threads can drive: {@link Controller.lendQueue}. */
  readonly lentQueues?: number;
  /** If a command does not complete within this time, the controller has failed. In milliseconds. */
  readonly commandTimeout?: number;
}

/** NLB counts up to 65,536 blocks of at least 512 bytes. */
const MAX_TRANSFER_BYTES = 0x10000 * 512;

/** A queue pair that is lent to another thread. */
export interface QueueLoan {
  /** The argument of {@link borrowQueue} in the other thread. */
  readonly offer: QueueOffer;
  /** Revokes the queue, waits until the other thread has released it, and deletes it. */
  end(): Promise<void>;
}

/** Of the 31 commands that the admin queue can hold. */
const MAX_EVENT_REQUESTS = 8;

/** The controller itself uses the first two queues, admin and I/O, and their vectors. */
const OWN_QUEUES = 2;

type State = 'starting' | 'live' | 'resetting' | 'failed' | 'closing';

/**
 * It owns the rings, so declare it after its device. Then it closes before the device:
 *
 *     await using device = await openDevice(address, { addressBits: 64 });
 *     await using controller = await Controller.open(device);
 *
 * An open controller keeps the process alive.
 */
export class Controller implements NamespaceOwner, AsyncDisposable {
  readonly device: Device;
  readonly registers: NvmeRegisters;
  /** Asks for Identify data structures. {@link identity} is the one that the start of the controller read. */
  readonly identify = new Identify((command) => this.admin(command));
  /** Reads log pages. */
  readonly logs = new Logs(this);
  /** Gets and sets features. */
  readonly features = new Features((command) => this.admin(command));
  readonly #interruptType: InterruptType | undefined;
  readonly #options: Required<Omit<ControllerOptions, 'interrupts'>>;
  readonly #queues: Queues;
  #state: State = 'starting';
  #failure: NvmeError | undefined;
  #vectors: InterruptSet | undefined;
  readonly #loans = new Map<number, Grant>();
  #interrupts = 0;
  #eventRequests = 0;
  #identity: ControllerIdentity | undefined;
  #namespaces: readonly Namespace[] = [];
  readonly #watchdog: Watchdog;
  readonly #aborts = new Aborts((command) => this.admin(command));
  readonly #admin: Sender;
  readonly #commands: Sender;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  private constructor(device: Device, options: ControllerOptions) {
    this.device = device;
    this.registers = bindRegisters(device.bar(0), REGISTERS);
    this.#queues = new Queues(device, this.registers);
    this.#interruptType = options.interrupts;
    this.#options = {
      queueEntries: 64,
      maxTransferBytes: 1024 * 1024,
      lentQueues: 0,
      commandTimeout: 30_000,
      ...options,
    };
    this.#admin = new Sender(this, () => this.#adminQueue, adminName);
    this.#commands = new Sender(this, () => this.io.queue, nvmName);
    const { commandTimeout } = this.#options;
    this.#watchdog = new Watchdog(device, this.#queues, commandTimeout, (failure) =>
      this.#failed(failure),
    );
  }

  /** Resets and enables the controller, and makes one I/O queue pair. */
  static async open(device: Device, options: ControllerOptions = {}): Promise<Controller> {
    const controller = new Controller(device, options);
    try {
      await controller.#start();
    } catch (error) {
      await controller.close().catch(() => {});
      throw error;
    }
    return controller;
  }

  get identity(): ControllerIdentity {
    if (this.#identity === undefined) throw this.#refusal();
    return this.#identity;
  }

  /** The active namespaces, in ascending order. The objects stay the same after a reset. */
  get namespaces(): readonly Namespace[] {
    return this.#namespaces;
  }

  /** The namespace with this identifier, or the first active one if you give no identifier. */
  namespace(nsid?: number): Namespace {
    const found = this.#namespaces.find((each) => nsid === undefined || each.nsid === nsid);
    if (found === undefined) throw new RangeError(`There is no active namespace ${nsid ?? ''}`);
    return found;
  }

  /** The most bytes that the controller moves in one command (MDTS); Infinity if it has no limit. */
  get maxDataBytes(): number {
    const mdts = this.#identity?.mdts ?? 0;
    return mdts === 0 ? Number.POSITIVE_INFINITY : PAGE_BYTES * 2 ** mdts;
  }

  /** How many interrupts have arrived, counted by the eventfds. */
  get interrupts(): number {
    return this.#interrupts;
  }

  get io(): IoPath {
    const { io } = this.#queues;
    if (this.#state !== 'live' || io === undefined) throw this.#refusal();
    return io;
  }

  errorOf(what: string, status: Status): NvmeError {
    if (status !== ABORTED_BY_HOST || this.#failure === undefined) {
      return new NvmeStatusError(what, status);
    }
    const { code, message } = this.#failure;
    return new NvmeError(code, `${what}: ${message}`, { cause: this.#failure });
  }

  /**
   * Sends any admin command (NVMe Base Specification 2.0, 5), and resolves with dword 0 of its completion.
   *
   * Rejects with a {@link NvmeStatusError} if the controller refuses the command, with the reason if the controller
   * fails before it ends, and with `ERR_NVME_CLOSED` after close. Rejects with a RangeError, before anything is sent,
   * for a dword that does not fit and for more bytes than the controller moves in one command (MDTS).
   */
  admin(command: Command): Promise<number> {
    return this.#admin.send(command);
  }

  /** The same on the I/O queue, for commands that {@link Namespace} has no method for. */
  command(command: Command): Promise<number> {
    return this.#commands.send(command);
  }

  /**
   * Makes queue pair `id` (2 or higher), with memory for its data, for another thread to drive. The loan ends
   * when the controller is reset, shut down or closed. The queue pair needs its own vector.
   */
  async lendQueue(id: number, dataBytes: number): Promise<QueueLoan> {
    const { queue, listBytes, maxTransferBytes } = this.io;
    const vector = this.#vectors?.vector(id);
    if (vector === undefined || id < OWN_QUEUES) throw new RangeError(`Queue ${id} cannot be lent`);
    const { entries } = queue;
    const [sq, cq, lists, data] = this.#queues.lendMemory(id, entries, listBytes, dataBytes);
    await this.admin(createCompletionQueue(id, entries, id, cq));
    await this.admin(createSubmissionQueue(id, entries, sq));
    const memory = [sq, cq, lists, data];
    const grant = this.device.grant({ regions: [this.device.bar(0)], vectors: [vector], memory });
    this.#loans.set(id, grant);
    const offer = {
      token: grant.token,
      id,
      entries,
      vector: id,
      dstrd: this.registers.CAP.DSTRD,
      listBytes,
      maxTransferBytes,
      identity: this.namespace().identity,
    };
    return { offer, end: () => this.#endLoan(id, grant) };
  }

  /**
   * Asks the controller to end command `cid` of submission queue `sqid` (Abort, 5.1). Returns whether it did. The
   * command itself ends in either case, with its own status. Aborts wait for each other, because the controller limits
   * how many there can be (ACL).
   */
  abort(sqid: number, cid: number): Promise<boolean> {
    checkId('sqid', sqid);
    checkId('cid', cid);
    return this.#aborts.send(sqid, cid);
  }

  /**
   * The events of the controller, one at a time: `for await (const event of controller.events())`. While the loop
   * handles an event, the controller keeps the next ones. The feature `ASYNCHRONOUS_EVENT_CONFIGURATION` says which it
   * reports, and the read of an event's log page lets it report the next of that type.
   *
   * The loop goes on after a reset, and ends at close. It throws what made the controller fail. Each event goes to one
   * loop. More loops than AERL allows throw a {@link NvmeStatusError}, and more than 8 a RangeError.
   */
  events(): AsyncGenerator<NvmeEvent, void, undefined> {
    return eventsOf({
      request: () => this.#requestEvent(),
      usable: async () => {
        if (this.#state === 'resetting') await this.#starting;
        return this.#state !== 'closing';
      },
      wasAborted: (error) =>
        this.#failure === undefined &&
        error instanceof NvmeStatusError &&
        error.status === ABORTED_BY_HOST,
    });
  }

  /**
   * A controller level reset (3.7.2). Commands in flight end with "Command Aborted By Host". It also recovers a
   * controller that has failed. If the controller does not stop within CAP.TO, this resets the whole function.
   */
  async reset(): Promise<void> {
    if (this.#state !== 'live' && this.#state !== 'failed') throw this.#refusal();
    this.#state = 'resetting';
    this.#failure = undefined;
    this.#starting = this.#start();
    try {
      await this.#starting;
    } catch (error) {
      this.#state = 'failed';
      throw error;
    }
  }

  /**
   * Waits for the commands in flight, deletes the queues and shuts the controller down, so that it
   * writes its caches to the medium. After that it accepts no commands. You must still call {@link close}.
   */
  async shutdown(): Promise<void> {
    const { queue } = this.io;
    this.#state = 'closing';
    await drain(queue);
    if (this.#failure !== undefined) throw this.#failure;
    for (const [id, grant] of this.#loans) await this.#endLoan(id, grant);
    await this.#deleteQueue(queue.id);
    await shutdown(this.registers, this.identity.rtd3e);
  }

  /** Shuts the controller down, stops it, and then frees the memory that it could reach. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    // Wait for a pending reset: it would continue with memory that is freed.
    await this.#starting?.catch(() => {});
    try {
      if (this.#state === 'live') await this.shutdown();
      this.#state = 'closing';
      await this.#stop();
    } catch (error) {
      // Pending commands have already reported this failure to the caller.
      if (this.#failure === undefined) throw error;
    } finally {
      this.#watchdog.close();
      this.#vectors?.close();
      this.#queues.close();
    }
  }

  /** Follows 3.5.1. The library and `busMaster` do step 1, the PCI registers. */
  async #start(): Promise<void> {
    await this.#stopForStart();
    this.device.busMaster = true;
    this.#listen();
    await enable(this.registers, this.#queues.makeAdmin());
    this.#identity = await this.identify.controller();
    this.#namespaces = await this.#findNamespaces();
    await this.#createIoQueue();
    this.#state = 'live';
  }

  /** Resets the whole function if the controller does not stop, and if the kernel can reset it. */
  async #stopForStart(): Promise<void> {
    const state = this.#state;
    try {
      await this.#stop();
    } catch (error) {
      const stuck = error instanceof NvmeError && error.code === 'ERR_NVME_TIMEOUT';
      if (!stuck || !this.device.info.resettable) throw error;
      // The watchdog reports this reset as a failure, and stops the controller again.
      await this.device.reset();
      await this.#stop();
      this.#failure = undefined;
      this.#state = state;
    }
  }

  /** Disables the controller. Only after that have the commands in flight certainly ended. */
  #stop(): Promise<void> {
    this.#stopping ??= this.#disable().finally(() => {
      this.#stopping = undefined;
    });
    return this.#stopping;
  }

  async #disable(): Promise<void> {
    try {
      await disable(this.registers);
    } finally {
      // In case it did not stop: without bus master it cannot reach memory.
      quietly(() => {
        this.device.busMaster = false;
      });
      this.#queues.end();
      // The queues are gone. Revoking the grants tells the threads that drive them.
      for (const grant of this.#loans.values()) grant.revoke();
      this.#loans.clear();
    }
  }

  async #endLoan(id: number, grant: Grant): Promise<void> {
    await grant.revoke();
    // A reset, or another call, may have ended this loan already.
    if (this.#loans.get(id) !== grant) return;
    this.#loans.delete(id);
    await this.#deleteQueue(id);
  }

  async #deleteQueue(id: number): Promise<void> {
    await this.admin(deleteSubmissionQueue(id));
    await this.admin(deleteCompletionQueue(id));
  }

  /** The admin queue uses vector 0 (the specification says so), the I/O queue vector 1 if there is one. */
  #listen(): void {
    // A reset of the device closes the vectors. A controller level reset does not.
    if (this.#vectors?.closed === false) return;
    const queues = OWN_QUEUES + this.#options.lentQueues;
    this.#vectors = armVectors(this.device, this.#interruptType, queues);
    for (let vector = 0; vector < Math.min(OWN_QUEUES, this.#vectors.count); vector++) {
      this.#vectors.vector(vector).on((raised) => {
        this.#interrupts += raised;
        this.#queues.poll();
      });
    }
  }

  get #adminQueue(): QueuePair {
    const { admin } = this.#queues;
    if (admin === undefined || this.#failure !== undefined) throw this.#refusal();
    return admin;
  }

  /** A request waits in the admin queue for a long time, so requests must leave room there for other commands. */
  async #requestEvent(): Promise<number> {
    if (this.#eventRequests >= MAX_EVENT_REQUESTS) {
      throw new RangeError(`Only ${MAX_EVENT_REQUESTS} loops can wait for events at the same time`);
    }
    this.#eventRequests++;
    try {
      return await this.admin({ opcode: AdminOpcode.ASYNCHRONOUS_EVENT_REQUEST });
    } finally {
      this.#eventRequests--;
    }
  }

  /** The commands in flight end only when the controller has stopped: until then it owns their memory. */
  #failed(failure: NvmeError): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    if (this.#state !== 'closing') this.#state = 'failed';
    this.#stop().catch(() => {});
  }

  #refusal(): NvmeError {
    if (this.#failure !== undefined) return this.#failure;
    return new NvmeError('ERR_NVME_CLOSED', `The controller is ${this.#state}`);
  }

  async #findNamespaces(): Promise<Namespace[]> {
    const ids = await this.identify.activeNamespaces();
    const namespaces: Namespace[] = [];
    for (const nsid of ids) {
      const identity = await this.identify.namespace(nsid);
      const known = this.#namespaces.find((each) => each.nsid === nsid);
      if (known !== undefined) known.identity = identity;
      namespaces.push(known ?? new Namespace(this, identity));
    }
    return namespaces;
  }

  /** Steps 7 to 10 of 3.5.1: sets the number of queues, then makes the completion queue and its submission queue. */
  async #createIoQueue(): Promise<void> {
    const more = this.#options.lentQueues;
    await this.admin(setFeature('NUMBER_OF_QUEUES', { NSQ: more, NCQ: more }));
    const { queue } = this.#queues.makeIo(this.#options.queueEntries, this.#maxTransferBytes());
    const vector = Math.min(OWN_QUEUES, this.#vectors?.count ?? 1) - 1;
    await this.admin(createCompletionQueue(queue.id, queue.entries, vector, queue.cq));
    await this.admin(createSubmissionQueue(queue.id, queue.entries, queue.sq));
  }

  #maxTransferBytes(): number {
    const allowed = Math.min(this.maxDataBytes, MAX_TRANSFER_BYTES);
    const wanted = Math.min(this.#options.maxTransferBytes, allowed);
    return 2 ** Math.floor(Math.log2(wanted));
  }
}

/** Waits until a queue has no command in flight. The watchdog limits this wait. */
async function drain(queue: QueuePair): Promise<void> {
  queue.ring();
  while (queue.inFlight > 0) await queue.roomAgain();
}

function checkId(name: string, value: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= 0xffff) return;
  throw new RangeError(`Expected ${name} to be an integer from 0 to 65535 but received ${value}`);
}

/** Ignores errors of a clean-up step: the caller gets the failure that came before it. */
function quietly(step: () => void): void {
  try {
    step();
  } catch {}
}
