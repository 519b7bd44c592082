// SPDX-License-Identifier: MIT
// The errors of the package: VfioError, and TypeError and RangeError for wrong arguments. VfioError is what the
// kernel or the library refuses. Each carries a `code`; match that, not the class.
import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import {
  type argumentCodes,
  explainedErrnos,
  type libraryCodes,
  meaningOf,
} from './internal/error-codes.js';
import type { NativeFailure } from './native.js';

/** Codes of the library's own errors. */
export type VfioErrorCode = keyof typeof libraryCodes;

/** The kernel's name of a failed system call's errno; `UNKNOWN` for a number that has none. */
export type ErrnoCode = keyof typeof constants.errno | 'UNKNOWN';

/** Every value that `code` of a {@link VfioError} can have. */
export type ErrorCode = VfioErrorCode | ErrnoCode;

/** Codes of a TypeError thrown for a wrong argument, as Node has them. */
export type ArgumentErrorCode = (typeof argumentCodes)[number];

interface ErrorFields {
  errno?: number | undefined;
  syscall?: string | undefined;
  path?: string | undefined;
  request?: string | undefined;
  address?: string | undefined;
  hint?: string | undefined;
}

/**
 * What the kernel or this library refused to do. Shaped like Node's system errors, plus what to do
 * next. `message` ends with the hint on a line of its own.
 */
export class VfioError extends Error {
  /**
   * The errno's name of a failed system call (`'EBUSY'`), else one of the library's
   * (`'ERR_VFIO_…'`).
   */
  readonly code: ErrorCode;
  /** The negative errno, as in Node's errors. Only after a failed system call. */
  declare readonly errno?: number;
  /** The system call that failed (`'ioctl'`, `'open'`). */
  declare readonly syscall?: string;
  /** The file it failed on (`'/dev/vfio/12'`). */
  declare readonly path?: string;
  /** The ioctl's name, when it was one (`'VFIO_GROUP_SET_CONTAINER'`). */
  declare readonly request?: string;
  /** The PCI address of the device concerned. */
  declare readonly address?: string;
  /** What to do next, and where to read more about this `code`. */
  declare readonly hint?: string;

  constructor(code: ErrorCode, message: string, fields: ErrorFields = {}, cause?: unknown) {
    const hint = fields.hint === undefined ? undefined : `${fields.hint}\n${readOn(code)}`;
    super(
      hint === undefined ? message : `${message}\n${hint}`,
      cause === undefined ? {} : { cause },
    );
    this.code = code;
    for (const [name, value] of Object.entries({ ...fields, hint })) {
      if (value !== undefined) Object.defineProperty(this, name, { value, enumerable: true });
    }
  }
}

VfioError.prototype.name = 'VfioError';

/** The same error, with a message that goes on. */
export function continued(failure: VfioError, text: string): VfioError {
  const { code, message, hint, errno, syscall, path, request, address } = failure;
  const own = hint === undefined ? message : message.slice(0, -`\n${hint}`.length);
  const plain = hint?.slice(0, -`\n${readOn(code)}`.length);
  const fields = { errno, syscall, path, request, address, hint: plain };
  return new VfioError(code, `${own}. ${text}`, fields, failure);
}

const explained: readonly ErrorCode[] = explainedErrnos;

/** Where the code is explained, inside the package. */
function readOn(code: ErrorCode): string {
  const known = code.startsWith('ERR_') || explained.includes(code);
  return `See vfio/docs/errors.md#${known ? code.toLowerCase() : 'other-errno-names'}`;
}

/** A TypeError with a code. */
export function typeError(
  message: string,
  code: ArgumentErrorCode | 'ERR_VFIO_ADDRESS' = 'ERR_INVALID_ARG_TYPE',
): TypeError {
  return Object.assign(new TypeError(message), { code });
}

/** A RangeError with a code. */
export function rangeError(message: string, code: VfioErrorCode = 'ERR_VFIO_RANGE'): RangeError {
  return Object.assign(new RangeError(message), { code });
}

/** Use after close; `what` names the object. */
export function closedError(what: string, address?: string): VfioError {
  return new VfioError('ERR_VFIO_CLOSED', `${what} is closed`, { address });
}

/** The kernel or the device lacks something. */
export function unsupportedError(message: string, address?: string, hint?: string): VfioError {
  return new VfioError('ERR_VFIO_UNSUPPORTED', message, { address, hint });
}

/** What is known about a failure beside what native code said. */
export interface FailureContext {
  address?: string | undefined;
  hint?: string | undefined;
  /** A better code than the errno's name, with a sentence to open the message. */
  code?: ErrorCode | undefined;
  summary?: string | undefined;
}

/** Makes an error of what native code threw. What is an error already stays as it is. */
export function errorFromNative(failure: unknown, context: FailureContext = {}): unknown {
  if (!isNativeFailure(failure)) return failure;
  return 'errno' in failure ? systemError(failure, context) : ownError(failure, context);
}

/** Whether this is plain data that native code threw. */
export function isNativeFailure(value: unknown): value is NativeFailure {
  if (typeof value !== 'object' || value === null || 'stack' in value) return false;
  const { errno, syscall, code } = value as Record<string, unknown>;
  return (typeof errno === 'number' && typeof syscall === 'string') || typeof code === 'string';
}

/** The name of an errno, without regard to its sign. */
export function errnoName(errno: number): ErrnoCode {
  return describeErrno(errno)[0];
}

type SystemFailure = Extract<NativeFailure, { errno: number }>;
type OwnFailure = Extract<NativeFailure, { code: string }>;

function systemError(failure: SystemFailure, context: FailureContext): VfioError {
  const { syscall, request, path } = failure;
  const [name, text] = describeErrno(failure.errno);
  const where = path === '' ? '' : ` '${path}'`;
  const plain = `${name}: ${text}, ${request === '' ? syscall : request}${where}`;
  const message = context.summary === undefined ? plain : `${context.summary} (${plain})`;
  return new VfioError(context.code ?? name, message, {
    errno: -Math.abs(failure.errno),
    syscall,
    path: path === '' ? undefined : path,
    request: request === '' ? undefined : request,
    address: context.address,
    hint: context.hint,
  });
}

function ownError(failure: OwnFailure, context: FailureContext): Error {
  const code = (context.code ?? failure.code) as VfioErrorCode;
  const message = context.summary ?? failure.message;
  if (meaningOf(code)?.isRange) return rangeError(message, code);
  return new VfioError(code, message, { address: context.address, hint: context.hint });
}

const errnoNames = new Map(
  Object.entries(constants.errno).map(([name, number]) => [number, name as ErrnoCode]),
);

/** libuv's name and words; the platform's name where libuv has none. */
function describeErrno(errno: number): [ErrnoCode, string] {
  const number = Math.abs(errno);
  const known = getSystemErrorMap().get(-number) as [ErrnoCode, string] | undefined;
  return known ?? [errnoNames.get(number) ?? 'UNKNOWN', `system error ${number}`];
}
