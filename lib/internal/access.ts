// SPDX-License-Identifier: MIT
// Turns a failed register access into an error. The accessors call this file only after a failure.
import { types } from 'node:util';
import { errorFromNative, rangeError, VfioError, type VfioErrorCode } from '../errors.js';
import { type AccessArray, AccessFailure } from '../native.js';
import { meaningOf } from './error-codes.js';
import { unsignedAdvice } from './unsigned.js';
import { expected, show } from './validate.js';

/** An access to check. `width` is in bits; a write has the value in `write`. */
export interface CheckedAccess {
  offset: number;
  width: number;
  write?: number | bigint | undefined;
}

/** Whether a value fits into `width` bits: a bigint for 64 bits, a number for fewer. */
export function fits(value: number | bigint, width: number): boolean {
  if (width === 64) return typeof value === 'bigint' && value >= 0n && value < 2n ** 64n;
  return Number.isInteger(value) && value >= 0 && value < 2 ** width;
}

/**
 * The width of a typed array's elements in bits, if an access has that width. It comes from the array's real type,
 * which no property of the array can misreport.
 */
export function widthOf(array: unknown): 8 | 16 | 32 | 64 | undefined {
  if (types.isUint8Array(array)) return 8;
  if (types.isUint16Array(array)) return 16;
  if (types.isUint32Array(array)) return 32;
  return types.isBigUint64Array(array) ? 64 : undefined;
}

const byteLengthOf = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  'byteLength',
)?.get as (this: AccessArray) => number;

/** The size of a typed array in bytes, which no property of the array can misreport. */
export function byteLength(array: AccessArray): number {
  return byteLengthOf.call(array);
}

export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

/** The access that failed. */
export interface Access {
  /** The name of the region, such as `BAR0 of 0000:01:00.0`. */
  region: string;
  address: string;
  verb: 'read' | 'write';
  /** In bits. */
  width: number;
  offset: number;
}

const halvesHint =
  'The kernel would split it into two 32-bit accesses. Choose their order with read64LowFirst, read64HighFirst, ' +
  'write64LowFirst or write64HighFirst, or make 32-bit accesses.';

const failures: Record<number, [VfioErrorCode, (access: Access) => string, string?]> = {
  [AccessFailure.CLOSED]: ['ERR_VFIO_CLOSED', ({ region }) => `${region} is closed`],
  [AccessFailure.BUSY]: [
    'ERR_VFIO_BUSY',
    (access) => `${describe(access)}: the device is being reset`,
    'Wait for the promise of the reset, or for the `reset` event, before the next access.',
  ],
  [AccessFailure.LOST]: ['ERR_VFIO_LOST', (access) => `${describe(access)}: the device is gone`],
  [AccessFailure.BUS]: [
    'ERR_VFIO_BUS',
    (access) => `${describe(access)}: bus error`,
    'Memory decode is off (bit 1 of device.config.command), the device sleeps (D3), another program is resetting it, ' +
      'or it is gone.',
  ],
  [AccessFailure.WRONG_THREAD]: [
    'ERR_VFIO_WRONG_THREAD',
    ({ region }) => `${region} belongs to another thread`,
  ],
  [AccessFailure.UNSUPPORTED]: [
    'ERR_VFIO_UNSUPPORTED',
    (access) =>
      `${describe(access)}: the region does not support ${access.width}-bit ${access.verb}s`,
  ],
};

/** The error for the failure number that a native accessor returned. */
export function accessError(failure: number, access: Access): unknown {
  if (failure < AccessFailure.SYSTEM) return systemError(AccessFailure.SYSTEM - failure, access);
  if (failure === AccessFailure.RANGE)
    return rangeError(`${describe(access)}: the offset is outside the region`);
  if (failure === AccessFailure.ALIGN) {
    return rangeError(
      `${describe(access)}: the offset is not a multiple of ${access.width / 8}`,
      'ERR_VFIO_ALIGN',
    );
  }
  const known = failures[failure];
  if (known === undefined) return new VfioError('ERR_VFIO_PROTOCOL', describe(access));
  const [code, message, hint = hintFor(code, access)] = known;
  return new VfioError(code, message(access), { address: access.address, hint });
}

function hintFor(code: VfioErrorCode, { width }: Access): string | undefined {
  return code === 'ERR_VFIO_UNSUPPORTED' && width === 64 ? halvesHint : meaningOf(code)?.hint;
}

function systemError(errno: number, access: Access): unknown {
  const syscall = access.verb === 'read' ? 'pread' : 'pwrite';
  const failure = { errno, syscall, request: '', path: '' };
  return errorFromNative(failure, { address: access.address, doing: describe(access) });
}

/** The error for an offset that the checks in JavaScript refused. */
export function offsetError(offset: unknown, byteLength: number, access: Access): Error {
  const { verb, width, region } = access;
  const name = `the offset of ${verb}${width} of ${region}`;
  if (typeof offset !== 'number') return expected('a number', name, offset);
  const received = `but received ${show(offset)}`;
  if (!Number.isInteger(offset)) return rangeError(`Expected an integer for ${name} ${received}`);
  const bytes = width / 8;
  if (offset < 0 || offset > byteLength - bytes) {
    return rangeError(`Expected ${name} within its ${byteLength} bytes ${received}`);
  }
  return rangeError(`Expected a multiple of ${bytes} for ${name} ${received}`, 'ERR_VFIO_ALIGN');
}

/** The error for a value that the checks in JavaScript refused. */
export function valueError(value: unknown, access: Access): Error {
  const { width, region } = access;
  const name = `the value of write${width} of ${region}`;
  const [type, kind] = width === 64 ? ['bigint', 'a bigint'] : ['number', 'an integer'];
  if (typeof value !== type) return expected(kind, name, value);
  return rangeError(
    `Expected ${kind} from 0 to 2 ** ${width} - 1 for ${name} but received ${show(value)}` +
      unsignedAdvice(value, width),
  );
}

function describe({ verb, width, region, offset }: Access): string {
  return `${verb}${width} of ${region} at ${hex(offset)}`;
}
