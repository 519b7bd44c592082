// SPDX-License-Identifier: MIT
// The model's registers: capabilities, reset and enable, shutdown, masks, and options that no controller can have.
import { describe, expect, test } from '@jest/globals';
import { MemoryStorage, NvmeModel, type NvmeModelOptions } from '../../lib/models/nvme/index.js';
import { MemoryHost, ModelDriver } from '../support/model-driver.js';

const CC = 0x14;
const CSTS = 0x1c;
const RDY = 1;
const CFS = 2;
const SHST_COMPLETE = 2 << 2;
const NSSRO = 1 << 4;

describe('3.1.3.1 CAP', () => {
  test('reports the options', () => {
    const { model } = new ModelDriver({ queueEntries: 64, readyTimeout: 3, doorbellStride: 2 });
    const cap = model.read64(0);
    expect(cap & 0xffffn).toBe(63n);
    expect((cap >> 24n) & 0xffn).toBe(3n);
    expect((cap >> 32n) & 0xfn).toBe(2n);
    expect((cap >> 37n) & 1n).toBe(1n);
    expect(model.read32(0x68)).toBe(3);
    expect(model.read32(8)).toBe(0x0002_0000);
  });

  test('has room for the doorbells in a BAR whose size is a power of two', () => {
    expect(new ModelDriver().model.barBytes).toBe(0x4000);
    expect(new ModelDriver({ ioQueues: 1023, doorbellStride: 2 }).model.barBytes).toBe(0x10000);
  });
});

describe('3.5.1 enabling', () => {
  test('sets RDY', () => {
    const driver = new ModelDriver();
    expect(driver.model.read32(CSTS)).toBe(0);
    expect(driver.enable()).toBe(RDY);
  });

  test.each([
    ['an admin queue of one slot', 0x24, 0],
    ['pages of 8 KiB', CC, 0x0046_0081],
    ['another command set', CC, 0x0046_0011],
    ['another arbitration', CC, 0x0046_0801],
  ])('with %s is fatal', (_, offset, value) => {
    const { model } = new ModelDriver();
    model.write32(0x24, 0x000f_000f);
    model.write32(offset, value);
    model.write32(CC, model.read32(CC) | 1);
    expect(model.read32(CSTS)).toBe(CFS);
    model.write32(CC, 0);
    expect(model.read32(CSTS)).toBe(0);
  });

  test('keeps the admin queues from before, and doorbells start at 0 again', () => {
    const driver = new ModelDriver();
    driver.enable();
    driver.admin({ opcode: 0x06, prp1: 0x1_0010_0000n, cdw10: 1 });
    expect(driver.model.read32(0x1000)).toBe(1);
    driver.model.write32(CC, 0);
    expect(driver.model.read32(0x1000)).toBe(0);
    expect(driver.model.read32(0x24)).toBe(0x000f_000f);
    expect(driver.model.read64(0x30)).toBe(0x1_0000_1000n);
  });
});

describe('3.6 shutdown', () => {
  test('flushes the namespaces, and ends with SHST', () => {
    const storage = new MemoryStorage(4096);
    const driver = new ModelDriver({ namespaces: [{ storage }] });
    driver.enable();
    driver.model.write32(CC, 0x0046_4001);
    expect(driver.model.read32(CSTS)).toBe(RDY | SHST_COMPLETE);
    expect(storage.flushes).toBe(1);
    // SHN as it is already: no new shutdown.
    driver.model.write32(CC, 0x0046_4001);
    expect(storage.flushes).toBe(1);
    driver.model.write32(CC, 0);
    expect(driver.enable()).toBe(RDY);
  });
});

test('3.1.3.8 a subsystem reset says so until the driver clears it', () => {
  const driver = new ModelDriver();
  driver.enable();
  driver.model.write32(0x20, 0x1234);
  expect(driver.model.read32(CSTS)).toBe(RDY);
  driver.model.write32(0x20, 0x4e56_4d65);
  expect(driver.model.read32(CSTS)).toBe(NSSRO);
  expect(driver.model.read32(CC)).toBe(0);
  driver.model.write32(CSTS, NSSRO);
  expect(driver.model.read32(CSTS)).toBe(0);
});

test('3.1.3.3 a masked vector raises its interrupt when it is unmasked', () => {
  const driver = new ModelDriver();
  driver.enable();
  driver.model.write32(0x0c, 1);
  driver.submit(0, { opcode: 0x06, prp1: 0x1_0010_0000n, cdw10: 1 });
  driver.ring(0);
  expect([driver.host.raised, driver.host.line]).toEqual([[], false]);
  expect(driver.model.read32(0x10)).toBe(1);
  driver.model.write32(0x10, 1);
  expect([driver.host.raised, driver.host.line]).toEqual([[0], true]);
  driver.poll(0);
  expect(driver.host.line).toBe(false);
});

test('3.1.3.3 a mask is for one vector', () => {
  const driver = new ModelDriver();
  driver.enable();
  driver.createQueue(1);
  driver.host.raised.length = 0;
  driver.model.write32(0x0c, 0b11);
  for (const queue of [0, 1]) {
    driver.submit(queue, { opcode: 0x7f });
    driver.ring(queue);
  }
  driver.model.write32(0x10, 0b10);
  expect(driver.host.raised).toEqual([1]);
  driver.model.write32(CC, 0);
  expect(driver.model.read32(0x0c)).toBe(0);
});

test('3.1.3.10 ASQ and ACQ have no offset in a page', () => {
  const { model } = new ModelDriver();
  model.write64(0x28, 0x1_2345_6789n);
  expect(model.read64(0x28)).toBe(0x1_2345_6000n);
});

test('a reset of the function clears all registers', () => {
  const driver = new ModelDriver();
  driver.model.write32(0x20, 0x4e56_4d65);
  driver.enable();
  driver.model.reset();
  expect([CC, CSTS, 0x24, 0x28, 0x30].map((at) => driver.model.read32(at))).toEqual([
    0, 0, 0, 0, 0,
  ]);
});

const small = new MemoryStorage(4096);

test.each<[string, NvmeModelOptions]>([
  ['no I/O queue', { ioQueues: 0 }],
  ['rings of one slot', { queueEntries: 1 }],
  ['a negative MDTS', { mdts: -1 }],
  ['more vectors than MSI-X has', { vectors: 2049 }],
  ['half a unit of CAP.TO', { readyTimeout: 0.5 }],
  ['too long a serial number', { serial: 'x'.repeat(21) }],
  ['a namespace above NN', { namespaces: [{ nsid: 17 }] }],
  ['a namespace twice', { namespaces: [{ nsid: 1 }, { nsid: 1 }] }],
  ['blocks of 520 bytes', { namespaces: [{ blockBytes: 520 }] }],
  ['a namespace without blocks', { namespaces: [{ blocks: 0 }] }],
  ['a namespace larger than its storage', { namespaces: [{ blocks: 9, storage: small }] }],
])('%s is refused', (_, options) => {
  expect(() => new NvmeModel(new MemoryHost(), options)).toThrow(RangeError);
});
