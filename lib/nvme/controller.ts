// SPDX-License-Identifier: MIT
// An NVMe controller over PCIe: starts it, has its queues, and shuts it down in order.
import {
  bindRegisters,
  type Device,
  type Grant,
  type InterruptSet,
  type InterruptType,
} from 'vfio';
import {
  Cns,
  type Command,
  createCompletionQueue,
  createSubmissionQueue,
  deleteCompletionQueue,
  deleteSubmissionQueue,
  IDENTIFY_BYTES,
  identify,
  setNumberOfQueues,
} from './commands.js';
import { NvmeError, NvmeStatusError } from './errors.js';
import {
  type ControllerIdentity,
  parseController,
  parseNamespace,
  parseNamespaceList,
} from './identify.js';
import { armVectors } from './interrupts.js';
import type { QueueOffer } from './lent-queue.js';
import { disable, enable, shutdown } from './lifecycle.js';
import { type IoPath, Namespace, type NamespaceOwner } from './namespace.js';
import { type DeviceMemory, emptyDataPointer, PAGE_BYTES } from './prp.js';
import type { QueuePair } from './queue.js';
import { Queues } from './queues.js';
import { type NvmeRegisters, REGISTERS } from './registers.js';
import { ABORTED_BY_HOST, type Status, SUCCESS } from './status.js';
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
  readonly #interruptType: InterruptType | undefined;
  readonly #options: Required<Omit<ControllerOptions, 'interrupts'>>;
  readonly #queues: Queues;
  #state: State = 'starting';
  #failure: NvmeError | undefined;
  #vectors: InterruptSet | undefined;
  readonly #loans = new Map<number, Grant>();
  #interrupts = 0;
  #identity: ControllerIdentity | undefined;
  #namespaces: readonly Namespace[] = [];
  readonly #watchdog: Watchdog;
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

  /** Sends an admin command, with its data at the start of `data`. Returns dword 0 of the completion. */
  async admin(command: Command, data?: DeviceMemory): Promise<number> {
    while (this.#adminQueue.room === 0) await this.#adminQueue.roomAgain();
    return this.#send(this.#adminQueue, command, data);
  }

  /** The same on the I/O queue, for commands that {@link Namespace} has no method for. */
  async command(command: Command, data?: DeviceMemory): Promise<number> {
    while (this.io.queue.room === 0) await this.io.queue.roomAgain();
    return this.#send(this.io.queue, command, data);
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
    await this.admin(createCompletionQueue(id, entries, id), cq);
    await this.admin(createSubmissionQueue(id, entries), sq);
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

  /** Sends Identify, and returns a copy of its data. */
  async identify(cns: number, nsid = 0): Promise<Uint8Array> {
    using page = this.device.allocDma(IDENTIFY_BYTES);
    await this.admin(identify(cns, nsid), page);
    return page.u8.slice(0, IDENTIFY_BYTES);
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
    this.#identity = parseController(await this.identify(Cns.CONTROLLER));
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

  /** The data must fit in one page: only PRP1 points to it. */
  #send(queue: QueuePair, command: Command, data: DeviceMemory | undefined): Promise<number> {
    const pointer = emptyDataPointer();
    pointer.prp1Low = data?.low(0) ?? 0;
    pointer.prp1High = data?.high(0) ?? 0;
    return new Promise((resolve, reject) => {
      queue.submitCommand(command, pointer, (status, result) => {
        if (status === SUCCESS) resolve(result);
        else reject(this.errorOf(`Command 0x${command.opcode.toString(16)}`, status));
      });
      queue.ring();
    });
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
    const ids = parseNamespaceList(await this.identify(Cns.ACTIVE_NAMESPACES));
    const namespaces: Namespace[] = [];
    for (const nsid of ids) {
      const identity = parseNamespace(nsid, await this.identify(Cns.NAMESPACE, nsid));
      const known = this.#namespaces.find((each) => each.nsid === nsid);
      if (known !== undefined) known.identity = identity;
      namespaces.push(known ?? new Namespace(this, identity));
    }
    return namespaces;
  }

  /** Steps 7 to 10 of 3.5.1: sets the number of queues, then makes the completion queue and its submission queue. */
  async #createIoQueue(): Promise<void> {
    const pairs = 1 + this.#options.lentQueues;
    await this.admin(setNumberOfQueues(pairs, pairs));
    const { queue } = this.#queues.makeIo(this.#options.queueEntries, this.#maxTransferBytes());
    const vector = Math.min(OWN_QUEUES, this.#vectors?.count ?? 1) - 1;
    await this.admin(createCompletionQueue(queue.id, queue.entries, vector), queue.cq);
    await this.admin(createSubmissionQueue(queue.id, queue.entries), queue.sq);
  }

  #maxTransferBytes(): number {
    const { mdts } = this.identity;
    const allowed = mdts === 0 ? MAX_TRANSFER_BYTES : PAGE_BYTES * 2 ** mdts;
    const wanted = Math.min(this.#options.maxTransferBytes, allowed, MAX_TRANSFER_BYTES);
    return 2 ** Math.floor(Math.log2(wanted));
  }
}

/** Waits until a queue has no command in flight. The watchdog limits this wait. */
async function drain(queue: QueuePair): Promise<void> {
  queue.ring();
  while (queue.inFlight > 0) await queue.roomAgain();
}

/** Ignores errors of a clean-up step: the caller gets the failure that came before it. */
function quietly(step: () => void): void {
  try {
    step();
  } catch {}
}
