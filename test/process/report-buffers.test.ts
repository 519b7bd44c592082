// SPDX-License-Identifier: MIT
// Programs under `npm run vm`, which tells the host about their DMA buffers (vm/iommu/report-buffers.ts).
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { decodeBuffer } from '../../vm/iommu/buffers.js';
import { run } from './support.js';

const preload = ['--import', './dist/vm/iommu/report-buffers.js'];
const allocate = `
  const device = await openDevice(address);
  device.allocDma(8192, { direction: 'fromDevice', iova: 0x4000_0000n });
  await device.close();
`;

let folder: string;
let results: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vfio-report-'));
  results = join(folder, 'results');
  process.env.VFIO_VM_RESULTS = results;
});

afterEach(() => {
  delete process.env.VFIO_VM_RESULTS;
  rmSync(folder, { recursive: true });
});

describe('a program under the preload of npm run vm', () => {
  test('reports its buffers', async () => {
    writeFileSync(results, '');
    expect(await run(allocate, ...preload)).toMatchObject({ status: 0, stderr: '' });
    const lines = readFileSync(results, 'utf8').trimEnd().split('\n');
    expect(lines.map(decodeBuffer)).toEqual([
      { iova: 0x4000_0000n, byteLength: 8192, direction: 'fromDevice' },
    ]);
  });

  test('goes on if it cannot', async () => {
    expect(await run(allocate, ...preload)).toMatchObject({ status: 0, stderr: '' });
  });
});
