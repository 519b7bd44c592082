// SPDX-License-Identifier: MIT
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { loadNative } from '../../lib/internal/load-native.js';
import { thrownBy } from './lib-fake-native.js';

describe('the addon', () => {
  const { VFIO_BINARY } = process.env;
  const platform = process.platform;
  const folder = mkdtempSync(join(tmpdir(), 'vfio-native-'));

  /** Writes a module that a test loads in place of the addon, and returns its path. */
  function addon(source: string): string {
    const path = join(folder, `${files++}.cjs`);
    writeFileSync(path, source);
    return path;
  }
  let files = 0;

  afterAll(() => rmSync(folder, { recursive: true }));

  beforeEach(() => {
    process.env.VFIO_BINARY = '/nowhere/vfio.node';
  });

  afterEach(() => {
    Object.defineProperty(process, 'platform', { value: platform });
    if (VFIO_BINARY === undefined) delete process.env.VFIO_BINARY;
    else process.env.VFIO_BINARY = VFIO_BINARY;
  });

  test('that refuses to be loaded is an error with its reason', () => {
    process.env.VFIO_BINARY = addon(
      'throw { code: "ERR_VFIO_DUPLICATE", message: "a second copy" }',
    );
    expect(thrownBy(loadNative)).toMatchObject({
      code: 'ERR_VFIO_DUPLICATE',
      message: expect.stringContaining('a second copy'),
      hint: expect.any(String),
    });
  });

  test('that fails while it is loaded says how', () => {
    process.env.VFIO_BINARY = addon('throw new Error("built for another system")');
    expect(thrownBy(loadNative)).toMatchObject({
      code: 'ERR_VFIO_PLATFORM',
      message: expect.stringMatching(/was not loaded: built for another system/),
      cause: expect.objectContaining({ message: 'built for another system' }),
    });
  });

  test.each([
    ['bun', 'Bun 1.4.5', 'uv_poll_init'],
    ['deno', 'Deno 2.9.6', 'SIGSEGV'],
  ])('is not for %s, which calls itself Node', (key, name, reason) => {
    const { versions } = process;
    const [, version] = name.split(' ');
    Object.defineProperty(process, 'versions', { value: { ...versions, [key]: version } });
    try {
      // The runtime is refused before any module is loaded.
      process.env.VFIO_BINARY = addon('throw new Error("was loaded")');
      const error = thrownBy(loadNative);
      expect(error).toMatchObject({ code: 'ERR_VFIO_PLATFORM' });
      expect(error.message).toContain(name);
      expect(error.message).toContain(reason);
      expect(error.hint).toContain('Run the program with Node.js');
    } finally {
      Object.defineProperty(process, 'versions', { value: versions });
    }
  });

  test.each(['darwin', 'win32'])('is not for %s', (value) => {
    Object.defineProperty(process, 'platform', { value });
    expect(thrownBy(loadNative)).toMatchObject({
      code: 'ERR_VFIO_PLATFORM',
      message: expect.stringContaining(value),
    });
  });
});
