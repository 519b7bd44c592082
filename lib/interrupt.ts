// SPDX-License-Identifier: MIT
// One interrupt vector and everyone who waits on it.
import { closedError, unsupportedError, VfioError } from './errors.js';
import { abortionOf, checkSignal, watchAbort } from './internal/abort.js';
import { callNative } from './internal/call.js';
import { mustBeOurs, type Ours } from './internal/ours.js';
import { warn } from './internal/report.js';
import { callable, integer, maxMilliseconds, options } from './internal/validate.js';
import { blockInTurns } from './interrupts/blocking.js';
import { InterruptIterator, subscriberOf } from './interrupts/iterator.js';
import { callSubscriber, type Subscriber } from './interrupts/subscriber.js';
import type { NativeInterrupts } from './native.js';

/**
 * Called with how often the vector was raised since the last call. What it throws, and what its
 * promise rejects with, is an uncaught exception.
 */
export type InterruptListener = (count: number) => unknown;

/** How long {@link Interrupt.once} waits. */
export interface OnceOptions {
  /** In milliseconds; without it there is no limit. */
  timeout?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** What a grant of a vector consists of. Throws `ERR_VFIO_CLOSED`. */
export let lendVector: (vector: Interrupt) => { native: NativeInterrupts; index: number };
/**
 * Another thread has had the vector, and may have left INTx masked: the next wait unmasks it. Unmasking a
 * level interrupt again is harmless.
 */
export let changedHands: (vector: Interrupt) => void;
/** The vector's set was closed. */
export let endVector: (vector: Interrupt) => void;

/**
 * One vector of an {@link InterruptSet}, or of an {@link AdoptedDevice}. Its listeners share one watcher of the vector's eventfd,
 * which keeps the process alive while anyone listens, unless {@link unref} was called. Interrupts
 * that arrive while nobody listens wait in the eventfd and are delivered, as one count, to the
 * first listener.
 *
 * INTx is a level that the kernel masks at each interrupt. It is unmasked when all listeners, and
 * the promises they returned, have settled; of an iteration, when its body is done; after once() and
 * waitSync(), when the next wait begins or unmask() is called. Until then the device must have been told to
 * lower the line.
 */
export class Interrupt implements AsyncIterable<number> {
  static {
    lendVector = (vector) => {
      vector.#mustBeOpen();
      return { native: vector.#native, index: vector.#index };
    };
    changedHands = (vector) => {
      vector.#unmaskDue = vector.#level;
    };
    endVector = (vector) => vector.#end();
  }

  readonly #native: NativeInterrupts;
  readonly #index: number;
  readonly #level: boolean;
  readonly #set: string;
  // Replaced, never changed, so that delivery goes over those that listened when it began.
  #subscribers: readonly Subscriber[] = [];
  readonly #listeners = new Map<InterruptListener, Subscriber>();
  #count = 0;
  #keepsAlive = true;
  #closed = false;
  #masked = false;
  #unmaskDue = false;

  /** @internal Use {@link InterruptSet.vector}. */
  constructor(key: Ours, native: NativeInterrupts, index: number, level: boolean, set: string) {
    mustBeOurs(key);
    this.#native = native;
    this.#index = index;
    this.#level = level;
    this.#set = set;
  }

  /** How often it was raised, as far as it was delivered here. */
  get count(): number {
    return this.#count;
  }

  /**
   * Adds a listener; adding it again does nothing. Throws `ERR_VFIO_CLOSED`, and `ERR_VFIO_BUSY` while
   * the vector is granted to another thread; so do once() and iterating.
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

  /** Removes a listener. */
  off(listener: InterruptListener): this {
    const subscriber = this.#listeners.get(listener);
    this.#listeners.delete(listener);
    if (subscriber !== undefined) this.#unsubscribe(subscriber);
    return this;
  }

  /**
   * Waits for the next interrupt and gives its count. Rejects with `ERR_VFIO_TIMEOUT`, with the
   * signal's reason, or with `ERR_VFIO_CLOSED` when the set is closed meanwhile.
   */
  async once(waiting: OnceOptions = {}): Promise<number> {
    const checked = options('once', waiting, ['timeout', 'signal']);
    const signal = checkSignal(checked.signal);
    const { timeout } = checked;
    if (timeout !== undefined) integer('timeout', timeout, 0, maxMilliseconds);
    this.#mustBeOpen();
    const abortion = signal && abortionOf(signal);
    if (abortion !== undefined) throw abortion.reason;
    return this.#wait(timeout, signal);
  }

  /**
   * Iterates over the counts: each step gives how often it was raised since the step before. Ends
   * when the set is closed; breaking out unsubscribes, and leaves what came since the last step to who
   * listens next. Listens from this call on.
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
   * Blocks this thread until the next interrupt and gives its count, a few microseconds after it.
   * For workers, and for scripts that do one thing after another: in the main thread no timer, no
   * other interrupt and no event of the device is handled meanwhile, so give it a `timeout` there.
   * INTx is unmasked as with once().
   *
   * `timeout` is an integer in milliseconds; 0 only looks, without it there is no limit. Throws
   * `ERR_VFIO_TIMEOUT`, `ERR_VFIO_CLOSED`, or `ERR_VFIO_BUSY` while there are listeners, iterations or
   * pending once() calls, or the vector is granted to another thread: one eventfd has one consumer. Ending the worker or the process ends the wait.
   */
  waitSync(timeout?: number): number {
    if (timeout !== undefined) integer('timeout', timeout, 0, maxMilliseconds);
    this.#mustBeOpen();
    if (this.#subscribers.length > 0) throw this.#consumed();
    if (this.#unmaskDue) this.#unmaskAfterDelivery();
    const wait = (milliseconds: number) => this.#native.wait(this.#index, milliseconds);
    const count = callNative(() => blockInTurns(wait, timeout));
    if (count === 0) throw timedOut(timeout);
    this.#count += count;
    this.#unmaskDue = this.#level;
    return count;
  }

  /** Lets a listener keep the process alive, as at first. */
  ref(): this {
    return this.#keepAlive(true);
  }

  /** Lets the process end although there are listeners. */
  unref(): this {
    return this.#keepAlive(false);
  }

  /**
   * Makes the kernel raise it (`VFIO_IRQ_SET_ACTION_TRIGGER` with `DATA_NONE`), without the device.
   */
  trigger(): void {
    this.#mustBeOpen();
    callNative(() => this.#native.trigger(this.#index));
  }

  /** Masks INTx until {@link unmask}; delivery does not unmask it meanwhile. */
  mask(): void {
    this.#mustBeLevel('mask');
    callNative(() => this.#native.mask());
    this.#masked = true;
  }

  /** Unmasks INTx. */
  unmask(): void {
    this.#mustBeLevel('unmask');
    callNative(() => this.#native.unmask());
    this.#masked = false;
    this.#unmaskDue = false;
  }

  #end(): void {
    this.#closed = true;
    const subscribers = this.#subscribers;
    this.#subscribers = [];
    this.#listeners.clear();
    for (const subscriber of subscribers) subscriber.end();
  }

  #mustBeOpen(): void {
    if (this.#closed) throw closedError(this.#set);
  }

  #consumed(): VfioError {
    const hint = 'Wait after the last of them has left, or wait with once().';
    return new VfioError(
      'ERR_VFIO_BUSY',
      `Vector ${this.#index} of ${this.#set} has listeners, which get its interrupts`,
      { hint },
    );
  }

  #mustBeLevel(what: string): void {
    this.#mustBeOpen();
    if (!this.#level) throw unsupportedError(`${what}() is for INTx, not for ${this.#set}`);
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

  /** Others have heard of it too, if there are any. */
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
    if (served) Promise.all(serving).then(() => this.#unmaskAfterDelivery());
    else this.#unmaskDue = true;
  }

  #unmaskAfterDelivery(): void {
    this.#unmaskDue = false;
    if (this.#closed || this.#masked) return;
    try {
      callNative(() => this.#native.unmask());
    } catch (failure) {
      this.#unmaskDue = true;
      warn(`Unmasking ${this.#set} failed, it stays silent until the next wait`, failure);
    }
  }

  #wait(timeout: number | undefined, signal: AbortSignal | undefined): Promise<number> {
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      let stopWatching = () => {};
      const leave = () => {
        clearTimeout(timer);
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
      // First, because the class of a broken signal throws here.
      stopWatching = watchAbort(signal, fail);
      try {
        this.#subscribe(subscriber);
      } catch (failure) {
        stopWatching();
        throw failure;
      }
      if (timeout !== undefined) timer = setTimeout(() => fail(timedOut(timeout)), timeout);
    });
  }
}

function timedOut(timeout: number | undefined): VfioError {
  return new VfioError('ERR_VFIO_TIMEOUT', `No interrupt within ${timeout} ms`);
}
