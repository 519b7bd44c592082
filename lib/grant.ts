// SPDX-License-Identifier: MIT
// What one thread lends another of a device, as the lender has it.
import { DmaBuffer, lendBuffer } from './dma.js';
import { typeError } from './errors.js';
import { awaitNative, callNative } from './internal/call.js';
import { dropOwner, keepOwner } from './internal/leaks.js';
import { mustBeOurs, type Ours, ours } from './internal/ours.js';
import { expected, items, options } from './internal/validate.js';
import { changedHands, Interrupt, lendVector } from './interrupt.js';
import { hasVector, type InterruptSet } from './interrupts.js';
import type { NativeDevice, NativeDmaBuffer, NativeGrant, NativeInterrupts } from './native.js';
import { Region } from './region.js';

/** What {@link Device.grant} grants; nothing of what is not named. */
export interface GrantOptions {
  /** Regions of the device. Others may use them at the same time. */
  regions?: readonly Region[] | undefined;
  /** Vectors of its interrupt set. Nobody else listens to them meanwhile. */
  vectors?: readonly Interrupt[] | undefined;
  /** Buffers of its container. Others may use them at the same time. */
  memory?: readonly DmaBuffer[] | undefined;
}

/**
 * Parts of a device that another thread may use. Obtained from {@link Device.grant}; the thread that
 * gets its {@link token} calls {@link adopt}. It stays on offer until it is adopted, whether or not
 * anybody holds this object: when the worker it was meant for ended before, give the token to
 * another, or revoke it.
 *
 * Everything stays the granting thread's: it closes, and the adopter lets go. A grant ends as a
 * whole: by {@link revoke}; when the device or anything that was granted is closed, vectors by a reset
 * too; when the adopter closes what it adopted, or its thread ends, in whichever way.
 */
export class Grant implements AsyncDisposable {
  /**
   * Names it to {@link adopt}, once, in another thread of this process. A string that nobody can
   * guess, to be sent by `postMessage` or as `workerData`.
   */
  readonly token: string;
  readonly #native: NativeGrant;
  #revoked: Promise<void> | undefined;

  /** @internal Use {@link Device.grant}. */
  constructor(key: Ours, token: string, native: NativeGrant) {
    mustBeOurs(key);
    this.token = token;
    this.#native = native;
  }

  /**
   * Ends it. From this call on the adopter's register accesses throw `ERR_VFIO_CLOSED`, also those of
   * a poll or a batch that is under way, and so does waiting for an interrupt, waitSync() under way
   * included. What else it has of the grant ends when its event loop hears of it: then iterations of its
   * interrupts end, the members of its buffers throw, and `close` is emitted. The promise resolves after
   * that, or when the adopter's thread has ended, or at once if the grant was over; until then the
   * vectors cannot be listened to here. A thread that never comes back to its event loop has to be
   * terminated.
   *
   * Arrays that the adopter took from granted memory stay as they are, because that memory is still
   * in use here: it can be read and written through them until its owner closes it. Revoking twice
   * gives the same promise.
   */
  revoke(): Promise<void> {
    dropOwner(this);
    this.#revoked ??= awaitNative(() => this.#native.revoke());
    return this.#revoked;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.revoke();
  }
}

/** @internal What a grant needs of the device that makes it. */
export interface GrantingDevice {
  readonly address: string;
  /** The region with this number. Throws once the device is closed. */
  region(index: number): Region;
}

/** @internal A device that grants, and what it has armed. */
export interface Granter {
  device: GrantingDevice;
  native: Pick<NativeDevice, 'grant'>;
  interrupts: InterruptSet | undefined;
  /** Whether a buffer is open and of the device's container. */
  ownsBuffer(buffer: DmaBuffer): boolean;
  /** Throws once the device is closed. */
  mustBeOpen(): void;
}

/** @internal Use {@link Device.grant}. */
export function makeGrant(granter: Granter, given: GrantOptions): Grant {
  const { device, native } = granter;
  const checked = options('grant', given, ['regions', 'vectors', 'memory']);
  const regions = list('regions', checked.regions, Region, 'a Region');
  const vectors = list('vectors', checked.vectors, Interrupt, 'an Interrupt');
  const memory = list('memory', checked.memory, DmaBuffer, 'a DmaBuffer');
  const indexes = regions.map((region) => checkRegion(device, region));
  const [interrupts, numbers] = checkVectors(granter, vectors);
  const buffers = memory.map((buffer) => checkBuffer(granter, buffer));
  // What the options are read from may have closed it.
  granter.mustBeOpen();
  const token = crypto.randomUUID();
  const offer = () => native.grant(token, unique(indexes), interrupts, unique(numbers), buffers);
  const grant = new Grant(ours, token, callNative(offer, device.address));
  for (const vector of vectors) changedHands(vector);
  keepOwner(grant, device);
  return grant;
}

function checkRegion(device: GrantingDevice, region: Region): number {
  const { index } = region;
  if (device.region(index) !== region) throw foreign(`A ${region.name} of another device`, device);
  return index;
}

function checkVectors(
  { device, interrupts }: Granter,
  vectors: readonly Interrupt[],
): [NativeInterrupts | undefined, number[]] {
  const lent = vectors.map((vector) => {
    const { native, index } = lendVector(vector);
    if (interrupts === undefined || !hasVector(interrupts, vector))
      throw foreign('An interrupt of another device', device);
    return { native, index };
  });
  return [lent[0]?.native, lent.map(({ index }) => index)];
}

function checkBuffer({ device, ownsBuffer }: Granter, buffer: DmaBuffer): NativeDmaBuffer {
  const native = lendBuffer(buffer);
  if (!ownsBuffer(buffer)) throw foreign('A DmaBuffer of another container', device);
  return native;
}

function list<T>(
  name: string,
  value: readonly T[] | undefined,
  type: abstract new (...args: never[]) => T,
  kind: string,
): readonly T[] {
  if (value === undefined) return [];
  const given = items(name, value);
  for (const [i, item] of given.entries()) {
    if (!(item instanceof type)) throw expected(kind, `${name}[${i}]`, item);
  }
  return given;
}

function unique(numbers: readonly number[]): number[] {
  return [...new Set(numbers)];
}

function foreign(what: string, { address }: GrantingDevice): TypeError {
  return typeError(`${what} cannot be granted with ${address}`, 'ERR_INVALID_ARG_VALUE');
}
