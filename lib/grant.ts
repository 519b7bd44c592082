// SPDX-License-Identifier: MIT
// Grants: parts of a device that one thread lends another, as the granting thread sees them.
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

/** The parts of a device that {@link Device.grant} grants. Parts that are not named here are not granted. */
export interface GrantOptions {
  /** Regions of the device. This thread and others can use them at the same time. */
  regions?: readonly Region[] | undefined;
  /**
   * Vectors of the device's armed interrupt set. While they are granted, no other thread can listen to them.
   */
  vectors?: readonly Interrupt[] | undefined;
  /** DMA buffers of the device's container. This thread and others can use them at the same time. */
  memory?: readonly DmaBuffer[] | undefined;
}

/**
 * An offer of parts of a device to another thread. Obtained from {@link Device.grant}. The thread that
 * receives the {@link token} passes it to {@link adopt}. The grant stays on offer until a thread adopts it or
 * you revoke it, even if your program drops this object. If the worker it was meant for has ended, give the
 * token to another worker or revoke the grant.
 *
 * The granting thread remains the owner of all parts: it closes them, and the adopting thread then loses
 * them.
 *
 * A grant ends as a whole when:
 *
 * - you {@link revoke} it;
 * - the device, or any granted part, is closed;
 * - it has vectors, and the device is reset;
 * - the adopting thread closes its {@link AdoptedDevice}, or ends in any way.
 */
export class Grant implements AsyncDisposable {
  /**
   * The string that {@link adopt} accepts, once, in another thread of this process. Nobody can guess it. Send
   * it with `postMessage` or as `workerData`.
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
   * Ends the grant. From this call on, the register accesses of the adopting thread throw `ERR_VFIO_CLOSED`,
   * even in the middle of a poll or a batch. Waiting for an interrupt throws it too, including a waitSync()
   * that has already started. The rest ends when the event loop of that thread handles the revocation:
   * iterations over its interrupts end, the members of its buffers throw, and its device emits `close`.
   *
   * The promise resolves after that, or when the adopting thread has ended. It resolves at once if the grant
   * was over already. Until then, this thread cannot listen to the vectors. If the other thread never returns
   * to its event loop, call `terminate()` on its worker.
   *
   * Arrays that the adopting thread took from granted memory stay valid, because this thread still uses the
   * memory. They read and write it until its owner closes it. Revoking again returns the same promise.
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

/** @internal The part of a device that a grant uses. */
export interface GrantingDevice {
  readonly address: string;
  /** Returns the region with this number. Throws once the device is closed. */
  region(index: number): Region;
}

/** @internal A device that makes a grant, with its armed interrupts. */
export interface Granter {
  device: GrantingDevice;
  native: Pick<NativeDevice, 'grant'>;
  interrupts: InterruptSet | undefined;
  /** Whether the buffer is open and belongs to the device's container. */
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
  // A getter of the options may have closed the device.
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
  if (device.region(index) !== region) throw foreign(`${region.name} of another device`, device);
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
