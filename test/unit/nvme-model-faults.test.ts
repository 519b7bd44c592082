// SPDX-License-Identifier: MIT
// The faults of the model: what each does to a command, and which command it affects.
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { NvmeFault } from '../../lib/models/nvme/index.js';
import { DATA, ModelDriver, pattern } from '../support/model-driver.js';
import { until } from '../support/until.js';

const CC = 0x14;
const CSTS = 0x1c;
const RDY = 1;
const CFS = 2;
const SHST = 0xc;
const ENABLED = 0x0046_0001;
const READ = { opcode: 2, nsid: 1, prp1: DATA };
const WRITE = { opcode: 1, nsid: 1, prp1: DATA };
const ABORT_REQUESTED = 0x007;

let driver: ModelDriver;

beforeEach(() => {
  driver = new ModelDriver();
  driver.enable();
  driver.createQueue(1);
  driver.createQueue(2);
  driver.host.raised.length = 0;
});

/** Submits a read to queue 1 and rings. Returns its identifier. */
function read(): number {
  const cid = driver.submit(1, READ);
  driver.ring(1);
  return cid;
}

function abort(cid: number) {
  return driver.admin({ opcode: 0x08, cdw10: 1 | (cid << 16) });
}

test('late: executes now, completes later', async () => {
  driver.data(0, 512).set(pattern(512));
  await driver.model.inject({ fault: 'late', ms: 20 });
  const cid = driver.submit(1, WRITE);
  driver.ring(1);
  expect(driver.poll(1)).toEqual([]);
  expect(driver.model.namespaces.get(1)?.storage.read(0, 512)).toEqual(pattern(512));
  await until(() => driver.host.raised.includes(1));
  expect(driver.poll(1)).toMatchObject([{ cid, status: 0 }]);
});

test('late: a reset ends the wait', async () => {
  await driver.model.inject({ fault: 'late', ms: 5 });
  read();
  driver.model.write32(CC, 0);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(driver.host.raised).toEqual([]);
});

test('late: a queue that was deleted gets no completion', async () => {
  await driver.model.inject({ fault: 'late', ms: 5 });
  read();
  driver.admin({ opcode: 0x00, cdw10: 1 });
  driver.admin({ opcode: 0x04, cdw10: 1 });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect([driver.poll(1), driver.host.raised.includes(1)]).toEqual([[], false]);
});

test('late: a controller that failed completes nothing', async () => {
  await driver.model.inject({ fault: 'late', ms: 5 });
  read();
  await driver.model.inject({ fault: 'fatal' });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(driver.poll(1)).toEqual([]);
});

test('lost: executes, and Abort finds nothing', async () => {
  await driver.model.inject({ fault: 'lost' });
  const cid = read();
  expect(driver.poll(1)).toEqual([]);
  expect(driver.host.raised).toEqual([]);
  expect(abort(cid)).toMatchObject({ result: 1 });
});

describe('hung', () => {
  beforeEach(() => driver.model.inject({ fault: 'hung', on: { kind: 'io' } }));

  test('does not execute, and Abort ends it', () => {
    driver.data(0, 512).set(pattern(512));
    const cid = driver.submit(1, WRITE);
    driver.ring(1);
    expect(driver.poll(1)).toEqual([]);
    expect(driver.model.namespaces.get(1)?.storage.read(0, 512)).toEqual(new Uint8Array(512));
    expect(abort(cid)).toMatchObject({ status: 0, result: 0 });
    expect(driver.poll(1)).toMatchObject([{ cid, status: ABORT_REQUESTED, doNotRetry: false }]);
    expect(abort(cid)).toMatchObject({ result: 1 });
  });

  test('ends when its queue is deleted', () => {
    const cid = read();
    expect(driver.admin({ opcode: 0x00, cdw10: 1 })).toMatchObject({ status: 0 });
    expect(driver.poll(1)).toMatchObject([{ cid, status: 0x008 }]);
  });

  test('is forgotten by a reset', () => {
    const cid = read();
    driver.model.write32(CC, 0);
    driver.enable();
    expect(abort(cid)).toMatchObject({ result: 1 });
  });

  test('does not hold up the commands behind it', () => {
    read();
    expect(driver.send(1, READ)).toMatchObject({ status: 0 });
  });
});

test('duplicated: completes twice', async () => {
  await driver.model.inject({ fault: 'duplicated' });
  const cid = read();
  expect(driver.poll(1).map((each) => each.cid)).toEqual([cid, cid]);
});

test('wrong-id: names a command that is not there, or a given one', async () => {
  await driver.model.inject({ fault: 'wrong-id' });
  read();
  await driver.model.inject({ fault: 'wrong-id', id: 77 });
  read();
  expect(driver.poll(1).map(({ cid }) => cid)).toEqual([0xffff, 77]);
});

test('wrong-queue: completes on another queue, or is lost', async () => {
  await driver.model.inject({ fault: 'wrong-queue', queue: 2 });
  const cid = read();
  expect(driver.poll(1)).toEqual([]);
  expect(driver.poll(2)).toMatchObject([{ cid, queue: 1 }]);
  expect(driver.host.raised).toEqual([2]);
  await driver.model.inject({ fault: 'wrong-queue', queue: 7 });
  read();
  expect([driver.poll(1), driver.poll(2)]).toEqual([[], []]);
});

test('reordered: the next one of the queue passes it', async () => {
  await driver.model.inject({ fault: 'reordered' });
  const first = read();
  expect(driver.poll(1)).toEqual([]);
  driver.send(2, READ);
  const second = read();
  expect(driver.poll(1).map(({ cid }) => cid)).toEqual([second, first]);
});

test('silent: raises no interrupt', async () => {
  await driver.model.inject({ fault: 'silent' });
  const cid = read();
  expect(driver.host.raised).toEqual([]);
  expect(driver.host.line).toBe(false);
  expect(driver.poll(1)).toMatchObject([{ cid }]);
});

test('silent: the interrupt of another completion is raised', async () => {
  await driver.model.inject({ fault: 'silent', nth: 2 });
  driver.submit(1, READ);
  read();
  expect(driver.host.raised).toEqual([1]);
  expect(driver.poll(1)).toHaveLength(2);
});

test('status: fails without executing', async () => {
  driver.data(0, 512).set(pattern(512));
  await driver.model.inject({ fault: 'status', status: 0x280 });
  expect(driver.send(1, WRITE)).toMatchObject({ status: 0x280, doNotRetry: false });
  expect(driver.model.namespaces.get(1)?.storage.read(0, 512)).toEqual(new Uint8Array(512));
});

describe('fatal', () => {
  test('happens at once, until a reset', async () => {
    await driver.model.inject({ fault: 'fatal' });
    expect(driver.model.read32(CSTS)).toBe(RDY | CFS);
    read();
    expect(driver.poll(1)).toEqual([]);
    driver.model.write32(CC, 0);
    expect(driver.model.read32(CSTS)).toBe(0);
    expect(driver.enable()).toBe(RDY);
  });

  test('happens when a command comes in', async () => {
    await driver.model.inject({ fault: 'fatal', nth: 2 });
    read();
    expect(driver.model.read32(CSTS)).toBe(RDY);
    read();
    expect(driver.model.read32(CSTS)).toBe(RDY | CFS);
    expect(driver.poll(1)).toHaveLength(1);
  });
});

describe('removed', () => {
  test('happens at once: registers read all ones, and writes are dropped', async () => {
    await driver.model.inject({ fault: 'removed' });
    expect(driver.model.removed).toBe(true);
    expect([0, CC, CSTS, 0x1000].map((at) => driver.model.read32(at))).toEqual(
      new Array(4).fill(0xffff_ffff),
    );
    expect(driver.model.read64(0)).toBe(0xffff_ffff_ffff_ffffn);
    read();
    expect([driver.poll(1), driver.host.raised]).toEqual([[], []]);
  });

  test('happens when a command comes in, and a reset does not bring it back', async () => {
    await driver.model.inject({ fault: 'removed', on: { kind: 'io' } });
    driver.admin({ opcode: 0x0a, cdw10: 6 });
    driver.submit(1, READ);
    read();
    expect(driver.poll(1)).toEqual([]);
    driver.model.reset();
    expect(driver.model.read32(CSTS)).toBe(0xffff_ffff);
  });
});

describe('all-ones', () => {
  test('happens at once and ends: what was written is lost, and the state is kept', async () => {
    await driver.model.inject({ fault: 'all-ones', ms: 10 });
    expect([CC, CSTS].map((at) => driver.model.read32(at))).toEqual([0xffff_ffff, 0xffff_ffff]);
    const cid = read();
    expect(driver.poll(1)).toEqual([]);
    await until(() => driver.model.read32(CSTS) === RDY);
    expect(driver.model.removed).toBe(false);
    driver.ring(1);
    expect(driver.poll(1).map((each) => each.cid)).toEqual([cid]);
  });

  test('lasts until it is cancelled', async () => {
    const outage = await driver.model.inject({ fault: 'all-ones' });
    expect(driver.model.unreachable).toBe(true);
    outage.cancel();
    expect(driver.model.read32(CSTS)).toBe(RDY);
    await driver.model.inject({ fault: 'removed' });
    outage.cancel();
    expect(driver.model.read32(CSTS)).toBe(0xffff_ffff);
  });

  test('happens when a command comes in, which completes', async () => {
    await driver.model.inject({ fault: 'all-ones', on: { kind: 'io' } });
    const cid = read();
    expect(driver.model.read32(CSTS)).toBe(0xffff_ffff);
    expect(driver.poll(1, false)).toMatchObject([{ cid, status: 0 }]);
  });
});

describe('stuck', () => {
  test('enable: never ready, until the next enable', async () => {
    driver.model.write32(CC, 0);
    await driver.model.inject({ fault: 'stuck', during: 'enable' });
    expect(driver.enable()).toBe(0);
    driver.submit(0, { opcode: 0x0a, cdw10: 6 });
    driver.ring(0);
    expect(driver.poll(0)).toEqual([]);
    driver.model.write32(CC, 0);
    expect(driver.enable()).toBe(RDY);
  });

  test('enable: ready after a while', async () => {
    driver.model.write32(CC, 0);
    await driver.model.inject({ fault: 'stuck', during: 'enable', ms: 10 });
    expect(driver.enable()).toBe(0);
    await until(() => driver.model.read32(CSTS) === RDY);
    expect(driver.admin({ opcode: 0x0a, cdw10: 6 })).toMatchObject({ status: 0 });
  });

  test.each([
    ['a disable', () => driver.model.write32(CC, 0)],
    ['a reset of the function', () => driver.model.reset()],
  ])('enable: %s ends the wait', async (_, end) => {
    driver.model.write32(CC, 0);
    await driver.model.inject({ fault: 'stuck', during: 'enable', ms: 5 });
    driver.enable();
    end();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(driver.model.read32(CSTS)).toBe(0);
  });

  test('disable: stays ready, until the function is reset', async () => {
    await driver.model.inject({ fault: 'stuck', during: 'disable' });
    driver.model.write32(CC, 0);
    expect(driver.model.read32(CSTS)).toBe(RDY);
    driver.model.reset();
    expect(driver.model.read32(CSTS)).toBe(0);
  });

  test('shutdown: occurring, then complete', async () => {
    await driver.model.inject({ fault: 'stuck', during: 'shutdown', ms: 10 });
    driver.model.write32(CC, ENABLED | (1 << 14));
    expect(driver.model.read32(CSTS) & SHST).toBe(1 << 2);
    await until(() => (driver.model.read32(CSTS) & SHST) === 2 << 2);
  });
});

describe('a fault affects', () => {
  const status = () => driver.send(1, READ).status;
  const FAILURE = 0x281;
  const inject = (more: Partial<NvmeFault> = {}) =>
    driver.model.inject({ fault: 'status', status: FAILURE, ...more } as NvmeFault);

  test('the next command, once', async () => {
    const injection = await inject();
    expect(injection.hits).toBe(0);
    expect([status(), status()]).toEqual([FAILURE, 0]);
    expect(injection.hits).toBe(1);
  });

  test('the nth, as many times as it should', async () => {
    await inject({ nth: 2, times: 2 });
    expect([status(), status(), status(), status()]).toEqual([0, FAILURE, FAILURE, 0]);
  });

  test('all until it is cancelled', async () => {
    const injection = await inject({ times: Infinity });
    expect([status(), status()]).toEqual([FAILURE, FAILURE]);
    injection.cancel();
    expect([status(), injection.hits]).toEqual([0, 2]);
  });

  test.each([
    ['kind', { kind: 'admin' } as const],
    ['queue', { queue: 2 }],
    ['opcode', { opcode: 1, kind: 'io' } as const],
    ['namespace', { nsid: 2 }],
    ['block', { lba: 1 }],
  ])('no command of another %s', async (_, on) => {
    await inject({ on });
    expect(status()).toBe(0);
  });

  test('the command that has the block', async () => {
    await inject({ on: { lba: 10 } });
    expect(driver.send(1, { ...READ, cdw10: 8, cdw12: 1 }).status).toBe(0);
    expect(driver.send(1, { ...READ, cdw10: 8, cdw12: 2 }).status).toBe(FAILURE);
  });

  test('one command each, if there are several', async () => {
    await inject();
    await driver.model.inject({ fault: 'status', status: 0x280, nth: 2 });
    expect([status(), status(), status()]).toEqual([FAILURE, 0x280, 0]);
  });
});

test.each<[string, NvmeFault]>([
  ['nth 0', { fault: 'lost', nth: 0 }],
  ['times 0', { fault: 'lost', times: 0 }],
  ['half a time', { fault: 'lost', times: 0.5 }],
  ['a negative delay', { fault: 'late', ms: -1 }],
  ['a failure with the status of success', { fault: 'status', status: 0 }],
])('%s is refused', async (_, fault) => {
  await expect(driver.model.inject(fault)).rejects.toThrow(RangeError);
});
