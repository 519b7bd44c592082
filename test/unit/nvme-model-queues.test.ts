// SPDX-License-Identifier: MIT
// The model's queues: wraps and phases, back-pressure, doorbells, interrupts, memory that a ring cannot reach.
import { beforeEach, describe, expect, test } from '@jest/globals';
import { DATA, ModelDriver } from '../support/model-driver.js';

const READ = { opcode: 2, nsid: 1, prp1: DATA };
const CSTS = 0x1c;
const CFS = 2;
const ENTRIES = 4;

let driver: ModelDriver;

beforeEach(() => {
  driver = new ModelDriver();
  driver.enable();
  driver.createQueue(1, ENTRIES);
  driver.host.raised.length = 0;
});

test('3.3.3.2 wraps flip the phase, and completions report the head', () => {
  for (let index = 0; index < 5 * ENTRIES; index++) {
    const sqHead = (index + 1) % ENTRIES;
    expect(driver.send(1, READ)).toMatchObject({ status: 0, sqHead });
  }
});

test('commands of one doorbell write complete in their order, with one interrupt', () => {
  const cids = [1, 2, 3].map(() => driver.submit(1, READ));
  driver.ring(1);
  expect(driver.host.raised).toEqual([1]);
  expect(driver.poll(1).map(({ cid }) => cid)).toEqual(cids);
});

test('3.3.1.1 a full completion queue holds the controller back', () => {
  const cids = [1, 2, 3].map(() => driver.submit(1, READ));
  driver.ring(1);
  expect(driver.poll(1, false)).toHaveLength(3);
  for (let index = 0; index < 3; index++) cids.push(driver.submit(1, READ));
  driver.ring(1);
  expect(driver.poll(1)).toEqual([]);
  driver.release(1);
  expect(driver.poll(1).map(({ cid }) => cid)).toEqual(cids.slice(3));
});

test('several submission queues share a completion queue', () => {
  driver.admin({ opcode: 0x01, prp1: DATA + 0x10000n, cdw10: 2 | (3 << 16), cdw11: 1 | (1 << 16) });
  const at = 0x10000;
  driver.data(at, 64).fill(0);
  driver.data(at, 1)[0] = 2;
  driver.data(at + 4, 1)[0] = 1;
  driver.data(at + 24, 8).set(new Uint8Array(new BigUint64Array([DATA]).buffer));
  driver.model.write32(0x1000 + 8 * 2, 1);
  expect(driver.poll(1)).toMatchObject([{ cid: 0, queue: 2, status: 0, sqHead: 1 }]);
});

describe('3.3.1.2 a doorbell', () => {
  test.each([
    ['a tail outside the ring', 0x1008, ENTRIES],
    ['the same tail again', 0x1008, 0],
    ['a head outside the ring', 0x100c, ENTRIES],
    ['the same head again', 0x100c, 0],
    ['a head past the completions', 0x100c, 1],
    ['a queue that does not exist', 0x1010, 1],
    ['an offset between doorbells', 0x100a, 1],
    ['an offset behind the doorbells', 0x2000, 1],
  ])('with %s changes nothing', (_, offset, value) => {
    driver.model.write32(offset, value);
    expect(driver.host.raised).toEqual([]);
    expect(driver.model.read32(CSTS)).toBe(1);
    expect(driver.send(1, READ)).toMatchObject({ status: 0 });
  });

  test('with a tail that passes the head changes nothing', () => {
    // Three completions are unread, so the controller fetches only one more command: its head is 0.
    for (let index = 0; index < 3; index++) driver.submit(1, READ);
    driver.ring(1);
    driver.model.write32(0x1008, 2);
    driver.model.write32(0x1008, 3);
    driver.model.write32(0x1008, 0);
    expect(driver.model.read32(0x1008)).toBe(3);
  });

  test('does nothing while the controller is disabled', () => {
    driver.model.write32(0x14, 0);
    driver.model.write32(0x1000, 1);
    driver.model.write32(0x1008, 1);
    expect(driver.model.read32(CSTS)).toBe(0);
    expect(driver.host.raised).toEqual([]);
  });

  test('does nothing after a shutdown', () => {
    driver.model.write32(0x14, 0x0046_4001);
    driver.submit(1, READ);
    driver.ring(1);
    expect(driver.poll(1)).toEqual([]);
  });
});

test('a queue without interrupts raises none', () => {
  const cq = DATA + 0x10000n;
  const cdw10 = 2 | (3 << 16);
  driver.admin({ opcode: 0x05, prp1: cq, cdw10, cdw11: 1 | (2 << 16) });
  driver.admin({ opcode: 0x01, prp1: DATA + 0x11000n, cdw10, cdw11: 1 | (2 << 16) });
  driver.host.raised.length = 0;
  driver.model.write32(0x1010, 1);
  expect(driver.view.getUint16(0x10_0000 + 0x10000 + 14, true) & 1).toBe(1);
  expect([driver.host.raised, driver.host.line]).toEqual([[], false]);
});

test('the line is asserted until the driver has consumed everything', () => {
  driver.submit(1, READ);
  driver.submit(1, READ);
  driver.ring(1);
  expect(driver.host.line).toBe(true);
  driver.model.write32(0x100c, 1);
  expect(driver.host.line).toBe(true);
  driver.model.write32(0x100c, 2);
  expect(driver.host.line).toBe(false);
});

test('a deleted queue releases the line', () => {
  driver.submit(1, READ);
  driver.ring(1);
  expect(driver.host.line).toBe(true);
  driver.admin({ opcode: 0x00, cdw10: 1 });
  driver.admin({ opcode: 0x04, cdw10: 1 });
  expect(driver.host.line).toBe(false);
});

describe('a ring that is not mapped is fatal', () => {
  const unmapped = 0x10_0000_0000n;

  test.each([
    ['submission', unmapped, DATA],
    ['completion', DATA, unmapped],
  ])('%s', (_, sq, cq) => {
    const cdw10 = 2 | (3 << 16);
    driver.admin({ opcode: 0x05, prp1: cq, cdw10, cdw11: 1 });
    driver.admin({ opcode: 0x01, prp1: sq, cdw10, cdw11: 1 | (2 << 16) });
    expect(driver.model.read32(CSTS)).toBe(1);
    driver.model.write32(0x1010, 1);
    expect(driver.model.read32(CSTS)).toBe(1 | CFS);
    driver.submit(1, READ);
    driver.ring(1);
    expect(driver.poll(1)).toEqual([]);
    driver.model.write32(0x14, 0);
    expect(driver.enable()).toBe(1);
  });

  test('admin completion, when an event is reported', () => {
    driver.model.write32(0x14, 0);
    driver.enable();
    driver.model.write32(0x14, 0);
    driver.model.write64(0x30, unmapped);
    driver.model.write32(0x14, 0x0046_0001);
    driver.submit(0, { opcode: 0x0c });
    driver.ring(0);
    expect(driver.model.read32(CSTS)).toBe(1);
    driver.model.write32(0x1010, 1);
    expect(driver.model.read32(CSTS)).toBe(1 | CFS);
  });
});
