// SPDX-License-Identifier: MIT
import { constants } from 'node:os';
import { describe, expect, test } from '@jest/globals';
import { closedError, errnoName, errorFromNative, VfioError } from '../../lib/errors.js';

const busy = {
  errno: constants.errno.EBUSY,
  syscall: 'ioctl',
  request: 'VFIO_GROUP_SET_CONTAINER',
  path: '/dev/vfio/12',
};

describe('a failed system call', () => {
  test('becomes an error with the fields of Node', () => {
    expect(errorFromNative(busy, { address: '0000:01:00.0' })).toMatchObject({
      name: 'VfioError',
      code: 'EBUSY',
      errno: -constants.errno.EBUSY,
      syscall: 'ioctl',
      request: 'VFIO_GROUP_SET_CONTAINER',
      path: '/dev/vfio/12',
      address: '0000:01:00.0',
      message: "EBUSY: resource busy or locked, VFIO_GROUP_SET_CONTAINER '/dev/vfio/12'",
    });
  });

  test('says its hint on a line of its own', () => {
    const error = errorFromNative(busy, { hint: 'Close it.' }) as VfioError;
    expect(error.message).toBe(`${(errorFromNative(busy) as VfioError).message}\n${error.hint}`);
    expect(error.hint?.split('\n')[0]).toBe('Close it.');
  });

  test.each([
    ['EBUSY', 'ebusy'],
    ['ERR_VFIO_NOT_BOUND', 'err_vfio_not_bound'],
    ['EDOM', 'other-errno-names'],
  ] as const)('with %s leads to where that is explained', (code, heading) => {
    const { hint } = new VfioError(code, 'It failed', { hint: 'Do this.' });
    expect(hint).toBe(`Do this.\nSee vfio/docs/errors.md#${heading}`);
  });

  test('without an ioctl names the call, and without a path none', () => {
    const failure = { errno: constants.errno.EIO, syscall: 'pread', request: '', path: '' };
    const error = errorFromNative(failure) as VfioError;
    expect(error.message).toBe('EIO: i/o error, pread');
    expect(Object.keys(error).sort()).toEqual(['code', 'errno', 'syscall']);
  });

  test('takes an errno of either sign', () => {
    expect(errorFromNative({ ...busy, errno: -busy.errno })).toMatchObject({
      code: 'EBUSY',
      errno: -busy.errno,
    });
  });

  test('opens with a summary when there is a better code', () => {
    const error = errorFromNative(busy, { code: 'ERR_VFIO_NOT_BOUND', summary: 'Not bound' });
    expect(error).toMatchObject({ code: 'ERR_VFIO_NOT_BOUND', errno: -busy.errno });
    expect((error as VfioError).message).toMatch(
      /^Not bound \(EBUSY, VFIO_.* '\/dev\/vfio\/12'\)$/,
    );
  });

  test('has a name even where libuv has none', () => {
    expect(errnoName(constants.errno.EDEADLK)).toBe('EDEADLK');
    expect(errnoName(524)).toBe('UNKNOWN');
  });
});

describe('a failure of the library', () => {
  test('keeps code and message', () => {
    const failure = { code: 'ERR_VFIO_BUSY', message: 'held by another container' };
    expect(errorFromNative(failure)).toMatchObject({ name: 'VfioError', ...failure });
  });

  test.each(['ERR_VFIO_RANGE', 'ERR_VFIO_ALIGN'])('is a RangeError for %s', (code) => {
    expect(errorFromNative({ code, message: 'no' })).toMatchObject({ name: 'RangeError', code });
  });

  test('leaves errors alone', () => {
    const error = Object.assign(new Error('mine'), { code: 'EOTHER' });
    expect(errorFromNative(error)).toBe(error);
    expect(errorFromNative('text')).toBe('text');
  });
});

test('an error has no field that does not apply', () => {
  expect(Object.keys(closedError('Container'))).toEqual(['code']);
  expect(closedError('Container').message).toBe('Container is closed');
});

test('the cause is kept', () => {
  const cause = new Error('below');
  expect(new VfioError('ERR_VFIO_PLATFORM', 'above', {}, cause).cause).toBe(cause);
});
