// SPDX-License-Identifier: MIT
// The diagnostics channel `vfio:dma:map`.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Container } from '../../lib/index.js';
import { useMachine } from '../../tools/testing-addon.js';
import { expectNothingOpen } from './support.js';

const address = '0000:0a:00.0';
const machine = useMachine({ address, group: 100 });

let container: Container;
let published: unknown[];
const listen = (message: unknown) => published.push(message);

beforeEach(async () => {
  published = [];
  container = await Container.open();
  await container.openDevice(address);
  subscribe('vfio:dma:map', listen);
});
afterEach(() => {
  unsubscribe('vfio:dma:map', listen);
  return container.close();
});
afterAll(() => expectNothingOpen(machine, address));

describe('the channel vfio:dma:map', () => {
  test('has each buffer that is mapped', async () => {
    const first = container.allocDma(4096);
    const second = await container.allocDmaAsync(8192, { direction: 'toDevice' });
    expect(published).toEqual([
      { iova: first.iova, byteLength: 4096, direction: 'both' },
      { iova: second.iova, byteLength: 8192, direction: 'toDevice' },
    ]);
  });

  test('has none that could not be mapped', () => {
    expect(() => container.allocDma(4096, { iova: 0xfee0_0000n })).toThrow();
    expect(published).toEqual([]);
  });
});
