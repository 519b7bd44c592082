// SPDX-License-Identifier: MIT
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { loadNative } from '../../lib/native.js';
import { thrownBy } from './lib-fake-native.js';

describe('the addon', () => {
  const { VFIO_BINARY } = process.env;
  const platform = process.platform;

  beforeEach(() => {
    process.env.VFIO_BINARY = '/nowhere/vfio.node';
  });

  afterEach(() => {
    Object.defineProperty(process, 'platform', { value: platform });
    if (VFIO_BINARY === undefined) delete process.env.VFIO_BINARY;
    else process.env.VFIO_BINARY = VFIO_BINARY;
  });

  test('that cannot be loaded says what to do', () => {
    const error = thrownBy(loadNative);
    expect(error).toMatchObject({ code: 'ERR_VFIO_PLATFORM', cause: expect.anything() });
    expect(error.message).toContain('/nowhere/vfio.node');
    expect(error.hint).toContain('npm run build');
  });

  test.each(['darwin', 'win32'])('is not for %s', (value) => {
    Object.defineProperty(process, 'platform', { value });
    expect(thrownBy(loadNative)).toMatchObject({
      code: 'ERR_VFIO_PLATFORM',
      message: expect.stringContaining(value),
    });
  });
});
