// SPDX-License-Identifier: MIT
// The errors of the package: VfioError, and TypeError or RangeError for wrong arguments. A VfioError says
// what the kernel or the library refused. Each error carries a `code`: match the code, not the class.
import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import {
  type argumentCodes,
  explainedErrnos,
  type libraryCodes,
  meaningOf,
} from './internal/error-codes.js';
import type { NativeFailure } from './native.js';

/** The codes of the library's own errors. docs/errors.md explains each. */
export type VfioErrorCode = keyof typeof libraryCodes;

/** The name of the errno of a failed system call (`EBUSY`); `UNKNOWN` for a number without a name. */
export type ErrnoCode = keyof typeof constants.errno | 'UNKNOWN';

/** Every value that the `code` of a {@link VfioError} can have. */
export type ErrorCode = VfioErrorCode | ErrnoCode;

/** The codes of a TypeError for a wrong argument. They are the same as in Node.js. */
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
 * An error that says what the kernel or the library refused to do. It has the fields of Node's system errors,
 * and a hint that says what to do next. The `message` ends with the hint, on lines of its own.
 *
 * Match errors by {@link code}. The code works across realms and copies of the package, unlike `instanceof`.
 */
export class VfioError extends Error {
  /**
   * The name of the errno after a failed system call (`'EBUSY'`), otherwise a code of the library
   * (`'ERR_VFIO_…'`). docs/errors.md explains each code.
   */
  readonly code: ErrorCode;
  /** The negative errno, as in the errors of Node.js. Only after a failed system call. */
  declare readonly errno?: number;
  /** The system call that failed, like `'ioctl'` or `'open'`. */
  declare readonly syscall?: string;
  /** The file on which the system call failed, like `'/dev/vfio/12'`. */
  declare readonly path?: string;
  /** The name of the ioctl, if the system call was one, like `'VFIO_GROUP_SET_CONTAINER'`. */
  declare readonly request?: string;
  /** The PCI address of the device concerned, like `0000:01:00.0`. */
  declare readonly address?: string;
  /** What to do next, and the heading of docs/errors.md that explains this `code`. */
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

/** The same error, with more text at the end of its message. */
export function continued(failure: VfioError, text: string): VfioError {
  const { code, message, hint, errno, syscall, path, request, address } = failure;
  const own = hint === undefined ? message : message.slice(0, -`\n${hint}`.length);
  const plain = hint?.slice(0, -`\n${readOn(code)}`.length);
  const fields = { errno, syscall, path, request, address, hint: plain };
  return new VfioError(code, `${own}. ${text}`, fields, failure);
}

const explained: readonly ErrorCode[] = explainedErrnos;

/** Where docs/errors.md, which is part of the package, explains the code. */
function readOn(code: ErrorCode): string {
  const known = code.startsWith('ERR_') || explained.includes(code);
  return `See vfio/docs/errors.md#${known ? code.toLowerCase() : 'other-errno-names'}`;
}

/** Makes a TypeError with a code. */
export function typeError(
  message: string,
  code: ArgumentErrorCode | 'ERR_VFIO_ADDRESS' = 'ERR_INVALID_ARG_TYPE',
): TypeError {
  return Object.assign(new TypeError(message), { code });
}

/** Makes a RangeError with a code. */
export function rangeError(message: string, code: VfioErrorCode = 'ERR_VFIO_RANGE'): RangeError {
  return Object.assign(new RangeError(message), { code });
}

/** Makes the error for a use after close. `what` names the closed object. */
export function closedError(what: string, address?: string): VfioError {
  return new VfioError('ERR_VFIO_CLOSED', `${what} is closed`, { address });
}

/** Makes the error for something that the kernel or the device does not have. */
export function unsupportedError(message: string, address?: string, hint?: string): VfioError {
  return new VfioError('ERR_VFIO_UNSUPPORTED', message, { address, hint });
}

/** Facts about a failure that native code does not know. */
export interface FailureContext {
  address?: string | undefined;
  hint?: string | undefined;
  /** A better code than the name of the errno. */
  code?: ErrorCode | undefined;
  /** A sentence that says what is wrong. It takes the place of the platform's words for the errno. */
  summary?: string | undefined;
  /** What was being done. It begins the message, and the platform's words for the errno follow. */
  doing?: string | undefined;
}

/** Makes an error from the data that native code threw. An error stays as it is. */
export function errorFromNative(failure: unknown, context: FailureContext = {}): unknown {
  if (!isNativeFailure(failure)) return failure;
  return 'errno' in failure ? systemError(failure, context) : ownError(failure, context);
}

/** Whether the value is plain data that native code threw. */
export function isNativeFailure(value: unknown): value is NativeFailure {
  if (typeof value !== 'object' || value === null || 'stack' in value) return false;
  const { errno, syscall, code } = value as Record<string, unknown>;
  return (typeof errno === 'number' && typeof syscall === 'string') || typeof code === 'string';
}

/** Returns the name of an errno, with either sign. */
export function errnoName(errno: number): ErrnoCode {
  return describeErrno(errno)[0];
}

type SystemFailure = Extract<NativeFailure, { errno: number }>;
type OwnFailure = Extract<NativeFailure, { code: string }>;

function systemError(failure: SystemFailure, context: FailureContext): VfioError {
  const { syscall, request, path } = failure;
  const [name, text] = describeErrno(failure.errno);
  const where = path === '' ? '' : ` '${path}'`;
  const call = `${request === '' ? syscall : request}${where}`;
  const plain = `${name}: ${text}, ${call}`;
  const { summary, doing } = context;
  const unexplained = doing === undefined ? plain : `${doing} (${plain})`;
  const message = summary === undefined ? unexplained : `${summary} (${name}, ${call})`;
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

/** The name and text that libuv has for an errno. Without one, the name that the platform has. */
function describeErrno(errno: number): [ErrnoCode, string] {
  const number = Math.abs(errno);
  const known = getSystemErrorMap().get(-number) as [ErrnoCode, string] | undefined;
  return known ?? [errnoNames.get(number) ?? 'UNKNOWN', `system error ${number}`];
}
