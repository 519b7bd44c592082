// SPDX-License-Identifier: MIT
// Interrupt: one interrupt vector, with everything that listens to it or waits for it.
import { type DeviceRegisters, silentInterrupt } from './diagnose/interrupt-timeout.js';
import { closedError, unsupportedError, VfioError } from './errors.js';
import { abortionOf, checkSignal, watchAbort } from './internal/abort.js';
import { callNative } from './internal/call.js';
import { endsWithOwner } from './internal/ends-with-owner.js';
import { mustBeOurs, type Ours } from './internal/ours.js';
import { warn } from './internal/report.js';
import { callable, integer, maxMilliseconds, options } from './internal/validate.js';
import { blockInTurns } from './interrupts/blocking.js';
import { InterruptIterator, subscriberOf } from './interrupts/iterator.js';
import { callSubscriber, type Subscriber } from './interrupts/subscriber.js';
import { type InterruptType, isLevel } from './interrupts/types.js';
import type { NativeInterrupts } from './native.js';

/**
 * Called with the number of times that the vector was raised since the last call. If it throws, or its
 * promise rejects, that is an uncaught exception.
 */
export type InterruptListener = (count: number) => unknown;

/** How long {@link Interrupt.once} waits. */
export interface OnceOptions {
  /** The limit in milliseconds, an integer from 0 to 2^31 - 1. Without it, there is no limit. */
  timeout?: number | undefined;
  /** Ends the wait: the promise rejects with the reason of the signal. */
  signal?: AbortSignal | undefined;
}

/** @internal The set that a vector belongs to, and the device. */
export interface InterruptSource {
  /** Names the set in errors. */
  set: string;
  address: string;
  type: InterruptType;
  registers: DeviceRegisters | undefined;
}

/** The native side of a vector, for a grant. Throws `ERR_VFIO_CLOSED`. */
export let lendVector: (vector: Interrupt) => { native: NativeInterrupts; index: number };
/**
 * Another thread gets the vector or had it. It may leave INTx masked, so the next wait here unmasks it, and a
 * mask() of this thread no longer counts. Unmasking a level interrupt again is harmless.
 */
export let changedHands: (vector: Interrupt) => void;
/** Ends the vector, because its set was closed. */
export let endVector: (vector: Interrupt) => void;

/**
 * One interrupt vector. Obtained from {@link InterruptSet.vector} or {@link AdoptedDevice.vector}. Its
 * listeners share one watcher of the vector's eventfd. While there is a listener, the watcher keeps the
 * process alive, unless {@link unref} was called. Interrupts that arrive without a listener wait in the
 * eventfd. The next listener gets them as one count.
 *
 * INTx is a level interrupt, and the kernel masks it each time it is raised. The library unmasks it:
 *
 * - after listeners: when all of them, and the promises that they returned, have settled;
 * - in an iteration: when the body of the loop is done;
 * - after once() and waitSync(): when the next wait begins, or when you call {@link unmask}.
 *
 * Make the device lower its interrupt line before that.
 */
export class Interrupt implements AsyncIterable<number> {
  static {
    lendVector = (vector) => {
      vector.#mustBeOpen();
      return { native: vector.#native, index: vector.#index };
    };
    changedHands = (vector) => {
      vector.#unmaskDue = vector.#level;
      vector.#masked = false;
    };
    endVector = (vector) => vector.#end();
  }

  readonly #native: NativeInterrupts;
  readonly #index: number;
  readonly #address: string;
  readonly #type: InterruptType;
  readonly #level: boolean;
  readonly #set: string;
  // This array is replaced, never changed, so a delivery goes to the subscribers that existed when it began.
  #subscribers: readonly Subscriber[] = [];
  readonly #listeners = new Map<InterruptListener, Subscriber>();
  #count = 0;
  #keepsAlive = true;
  #closed = false;
  #masked = false;
  #unmaskDue = false;
  /** Whether the kernel has masked INTx, as far as this thread knows. */
  #autoMasked = false;
  /** Those of the device, which a closed vector does not keep in use. */
  #registers: DeviceRegisters | undefined;

  /** @internal Use {@link InterruptSet.vector}. */
  constructor(key: Ours, native: NativeInterrupts, index: number, source: InterruptSource) {
    mustBeOurs(key);
    this.#native = native;
    this.#index = index;
    this.#address = source.address;
    this.#type = source.type;
    this.#registers = source.registers;
    this.#level = isLevel(source.type);
    this.#set = source.set;
  }

  /** How many interrupts were delivered here so far. */
  get count(): number {
    return this.#count;
  }

  /**
   * Adds a listener. Adding the same listener again does nothing. Throws `ERR_VFIO_CLOSED` if the set is
   * closed, and `ERR_VFIO_BUSY` while the vector is granted to another thread. once() and iterating do the
   * same.
   */
  on(listener: InterruptListener): this {
    callable('the listener', listener);
    this.#mustBeOpen();
    if (this.#listeners.has(listener)) return this;
    const subscriber = { deliver: listener, end: () => {}, serves: true };
    this.#subscribe(subscriber);
    this.#listeners.set(listener, subscriber);
    return this;
  }

  /** Removes a listener. Does nothing if it was not added. */
  off(listener: InterruptListener): this {
    const subscriber = this.#listeners.get(listener);
    this.#listeners.delete(listener);
    if (subscriber !== undefined) this.#unsubscribe(subscriber);
    return this;
  }

  /**
   * Waits for the next interrupt and returns its count: how many times the vector was raised since the last
   * delivery. Rejects with `ERR_VFIO_TIMEOUT`, with the reason of the signal, or with `ERR_VFIO_CLOSED` if
   * the set is closed before an interrupt arrives.
   *
   * Start the device first, and wait after that: an interrupt that arrives in between is not lost. Nor is one
   * that the signal overtakes: the next wait gets it. If the set
   * is closed while nobody awaits the promise yet, that rejection is not an unhandled one.
   */
  once(waiting: OnceOptions = {}): Promise<number> {
    return endsWithOwner(() => {
      const checked = options('once', waiting, ['timeout', 'signal']);
      const signal = checkSignal(checked.signal);
      const { timeout } = checked;
      if (timeout !== undefined) integer('timeout', timeout, 0, maxMilliseconds);
      this.#mustBeOpen();
      const abortion = signal && abortionOf(signal);
      if (abortion !== undefined) throw abortion.reason;
      return this.#wait(timeout, signal);
    });
  }

  /**
   * Iterates over the counts with `for await`. Each step returns the number of times that the vector was
   * raised since the step before. The iteration listens from this call on, and ends when the set is closed.
   * Leaving the loop unsubscribes. Interrupts that arrived after the last step then go to the next listener.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<number, undefined, undefined> {
    this.#mustBeOpen();
    const iterator = new InterruptIterator((unused) => {
      this.#unsubscribe(subscriberOf(iterator));
      if (unused > 0) this.#giveBack(unused);
    });
    this.#subscribe(subscriberOf(iterator));
    return iterator;
  }

  /**
   * Blocks this thread until the next interrupt and returns its count. It returns a few microseconds after
   * the interrupt. Use it in workers, and in scripts that do one thing after another. While it waits, this
   * thread handles no timer, no other interrupt and no event of the device. In the main thread, therefore
   * pass a `timeout`. INTx is unmasked as after {@link once}.
   *
   * `timeout` is an integer in milliseconds, from 0 to 2^31 - 1. With 0 it only checks. Without it there is
   * no limit. Terminating the worker, or ending the process, ends the wait.
   *
   * Throws `ERR_VFIO_TIMEOUT`; `ERR_VFIO_CLOSED` if the set is closed; and `ERR_VFIO_BUSY` if the vector has
   * listeners, iterations or pending once() calls, or is granted to another thread, because one eventfd has
   * one consumer.
   */
  waitSync(timeout?: number): number {
    if (timeout !== undefined) integer('timeout', timeout, 0, maxMilliseconds);
    this.#mustBeOpen();
    if (this.#subscribers.length > 0) throw this.#consumed();
    if (this.#unmaskDue) this.#unmaskAfterDelivery();
    const wait = (milliseconds: number) => this.#native.wait(this.#index, milliseconds);
    const count = callNative(() => blockInTurns(wait, timeout));
    if (count === 0) throw this.#timedOut(timeout as number);
    this.#count += count;
    this.#unmaskDue = this.#level;
    this.#autoMasked = this.#level;
    return count;
  }

  /** Makes listeners keep the process alive. This is the default. */
  ref(): this {
    return this.#keepAlive(true);
  }

  /** Lets the process end even if there are listeners. */
  unref(): this {
    return this.#keepAlive(false);
  }

  /**
   * Makes the kernel raise the vector, without the device (`VFIO_DEVICE_SET_IRQS` with
   * `VFIO_IRQ_SET_DATA_NONE` and `VFIO_IRQ_SET_ACTION_TRIGGER`). Throws `ERR_VFIO_CLOSED` if the set is
   * closed.
   */
  trigger(): void {
    this.#mustBeOpen();
    callNative(() => this.#native.trigger(this.#index));
  }

  /**
   * Masks INTx until you call {@link unmask} (`VFIO_IRQ_SET_ACTION_MASK`), or grant the vector to another
   * thread. Until then, a delivery does not unmask it. Throws `ERR_VFIO_UNSUPPORTED` for MSI and MSI-X, and
   * `ERR_VFIO_CLOSED`.
   */
  mask(): void {
    this.#mustBeLevel('mask');
    callNative(() => this.#native.mask());
    this.#masked = true;
  }

  /**
   * Unmasks INTx (`VFIO_IRQ_SET_ACTION_UNMASK`). Unmasking it again is harmless. Throws
   * `ERR_VFIO_UNSUPPORTED` for MSI and MSI-X, and `ERR_VFIO_CLOSED`.
   */
  unmask(): void {
    this.#mustBeLevel('unmask');
    callNative(() => this.#native.unmask());
    this.#masked = false;
    this.#unmaskDue = false;
    this.#autoMasked = false;
  }

  #end(): void {
    this.#closed = true;
    this.#registers = undefined;
    const subscribers = this.#subscribers;
    this.#subscribers = [];
    this.#listeners.clear();
    for (const subscriber of subscribers) subscriber.end();
  }

  #mustBeOpen(): void {
    if (this.#closed) throw closedError(this.#set);
  }

  #consumed(): VfioError {
    const hint = 'Remove the listeners before you call waitSync(), or wait with once().';
    return new VfioError(
      'ERR_VFIO_BUSY',
      `${this.#name()} has listeners, and a vector has one consumer`,
      { hint },
    );
  }

  #timedOut(timeout: number): VfioError {
    const vector = { address: this.#address, type: this.#type, vector: this.#index };
    const wait = { ...vector, timeout, arrived: this.#count, masked: this.#maskedBy() };
    return silentInterrupt(wait, this.#registers);
  }

  #maskedBy(): 'by-mask' | 'until-served' | undefined {
    if (this.#masked) return 'by-mask';
    return this.#autoMasked ? 'until-served' : undefined;
  }

  #name(): string {
    return `Vector ${this.#index} of ${this.#set}`;
  }

  #mustBeLevel(what: string): void {
    this.#mustBeOpen();
    if (!this.#level)
      throw unsupportedError(`${this.#name()} is not INTx, and ${what}() works for INTx only`);
  }

  #keepAlive(alive: boolean): this {
    this.#keepsAlive = alive;
    if (this.#subscribers.length > 0) this.#tellKeepAlive();
    return this;
  }

  #tellKeepAlive(): void {
    if (this.#keepsAlive) callNative(() => this.#native.ref(this.#index));
    else callNative(() => this.#native.unref(this.#index));
  }

  #subscribe(subscriber: Subscriber): void {
    if (this.#subscribers.length === 0) this.#listen();
    this.#subscribers = [...this.#subscribers, subscriber];
    if (this.#unmaskDue) this.#unmaskAfterDelivery();
  }

  #unsubscribe(subscriber: Subscriber): void {
    const left = this.#subscribers.filter((other) => other !== subscriber);
    const wasLast = left.length === 0 && this.#subscribers.length > 0;
    this.#subscribers = left;
    if (wasLast) callNative(() => this.#native.unlisten(this.#index));
  }

  /** Puts interrupts back that no subscriber used. If there are other subscribers, they were told too. */
  #giveBack(unused: number): void {
    if (this.#subscribers.length > 0) return;
    callNative(() => this.#native.giveBack(this.#index, unused));
    this.#count -= unused;
  }

  #listen(): void {
    callNative(() => this.#native.listen(this.#index, (count) => this.#deliver(count)));
    if (!this.#keepsAlive) this.#tellKeepAlive();
  }

  #deliver(count: number): void {
    this.#count += count;
    const serving: unknown[] = [];
    let served = false;
    for (const subscriber of this.#subscribers) {
      const work = callSubscriber(subscriber, count);
      if (!subscriber.serves) continue;
      served = true;
      if (work !== undefined) serving.push(work);
    }
    if (!this.#level) return;
    this.#autoMasked = true;
    if (served) Promise.all(serving).then(() => this.#unmaskAfterDelivery());
    else this.#unmaskDue = true;
  }

  #unmaskAfterDelivery(): void {
    this.#unmaskDue = false;
    if (this.#closed || this.#masked) return;
    try {
      callNative(() => this.#native.unmask());
      this.#autoMasked = false;
    } catch (failure) {
      this.#unmaskDue = true;
      warn(`Unmasking ${this.#set} failed, so no interrupt arrives until the next wait`, failure);
    }
  }

  #wait(timeout: number | undefined, signal: AbortSignal | undefined): Promise<number> {
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      let lastTurn: NodeJS.Immediate | undefined;
      let stopWatching = () => {};
      const leave = () => {
        clearTimeout(timer);
        clearImmediate(lastTurn);
        stopWatching();
        this.#unsubscribe(subscriber);
      };
      const fail = (reason: unknown) => {
        leave();
        reject(reason);
      };
      const subscriber = {
        deliver(count: number) {
          leave();
          resolve(count);
        },
        end: () => fail(closedError(this.#set)),
        serves: false,
      };
      // This comes first, because a broken signal throws here.
      stopWatching = watchAbort(signal, fail);
      try {
        this.#subscribe(subscriber);
      } catch (failure) {
        stopWatching();
        throw failure;
      }
      if (timeout === undefined) return;
      const giveUp = () => fail(this.#timedOut(timeout));
      // After a blocked event loop, timers come first. The interrupt may have arrived in time.
      timer = setTimeout(() => {
        lastTurn = setImmediate(giveUp);
      }, timeout);
    });
  }
}
