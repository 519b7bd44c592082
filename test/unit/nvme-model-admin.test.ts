// SPDX-License-Identifier: MIT
// The model's admin commands, against the NVMe Base Specification 2.0. Each title begins with its section.
import { beforeEach, describe, expect, test } from '@jest/globals';
import { DATA, ModelDriver, type RawCommand } from '../support/model-driver.js';

const IDENTIFY = 0x06;
const GET_LOG_PAGE = 0x02;
const SET_FEATURES = 0x09;
const GET_FEATURES = 0x0a;
const ASYNC_EVENT_REQUEST = 0x0c;
const ABORT = 0x08;
const SUCCESS = 0;
const INVALID_OPCODE = 0x001;
const INVALID_FIELD = 0x002;
const ABORT_REQUESTED = 0x007;
const INVALID_NAMESPACE = 0x00b;
const COMMAND_SEQUENCE = 0x00c;
const PRP_OFFSET_INVALID = 0x013;

let driver: ModelDriver;

beforeEach(() => {
  driver = new ModelDriver({ namespaces: [{ blocks: 100 }, { nsid: 5, blockBytes: 4096 }] });
  driver.enable();
});

function view(offset = 0): DataView {
  const { buffer, byteOffset } = driver.data(offset, 4096);
  return new DataView(buffer, byteOffset, 4096);
}

function identify(cns: number, nsid = 0, cdw11 = 0) {
  driver.data(0, 4096).fill(0xee);
  return driver.admin({ opcode: IDENTIFY, nsid, prp1: DATA, cdw10: cns, cdw11 });
}

function text(from: number, to: number): string {
  return String.fromCharCode(...driver.data(from, to - from));
}

function list(): number[] {
  return Array.from({ length: 4 }, (_, index) => view().getUint32(4 * index, true));
}

describe('5.17 Identify', () => {
  test('01h is the controller', () => {
    expect(identify(1)).toMatchObject({ status: SUCCESS, queue: 0 });
    expect(text(4, 24)).toBe('MODEL0001'.padEnd(20));
    expect(text(24, 64)).toBe('NVMe model'.padEnd(40));
    expect(view().getUint8(77)).toBe(5);
    expect(view().getUint32(80, true)).toBe(driver.model.read32(8));
    expect(view().getUint32(516, true)).toBe(16);
    expect([view().getUint8(512), view().getUint8(513)]).toEqual([0x66, 0x44]);
    expect(text(768, 787)).toBe('nqn.2014-08.org.nvm');
  });

  test('00h is a namespace, with its size and its format', () => {
    expect(identify(0, 5)).toMatchObject({ status: SUCCESS });
    for (const at of [0, 8, 16]) expect(view().getBigUint64(at, true)).toBe(16_384n);
    expect([view().getUint8(33), view().getUint8(130)]).toEqual([1, 12]);
  });

  test('00h is zeros for an inactive namespace', () => {
    expect(identify(0, 2)).toMatchObject({ status: SUCCESS });
    expect(driver.data(0, 4096).every((byte) => byte === 0)).toBe(true);
  });

  test.each([
    ['00h of namespace 0', 0, 0],
    ['00h of a namespace above NN', 0, 17],
    ['03h of a namespace above NN', 3, 17],
    ['02h after the last namespace', 2, 0xffff_fffe],
  ])('%s is refused', (_, cns, nsid) => {
    expect(identify(cns, nsid)).toMatchObject({ status: INVALID_NAMESPACE, doNotRetry: true });
  });

  test.each([
    ['03h of an inactive namespace', 3, 2, 0],
    ['05h of another command set', 5, 1, 0x0200_0000],
    ['an unknown structure', 0x7f, 0, 0],
  ])('%s is an invalid field', (_, cns, nsid, cdw11) => {
    expect(identify(cns, nsid, cdw11)).toMatchObject({ status: INVALID_FIELD });
  });

  test('02h and 07h list the namespaces above one', () => {
    identify(2);
    expect(list()).toEqual([1, 5, 0, 0]);
    identify(2, 1);
    expect(list()).toEqual([5, 0, 0, 0]);
    identify(7, 0, 0x0200_0000);
    expect(list()).toEqual([0, 0, 0, 0]);
  });

  test('03h names the namespace: EUI64, NGUID, command set', () => {
    identify(3, 5);
    const types = [0, 12, 32, 37].map((at) => [view().getUint8(at), view().getUint8(at + 1)]);
    expect(types).toEqual([
      [1, 8],
      [2, 16],
      [4, 1],
      [0, 0],
    ]);
    expect(view().getUint8(36)).toBe(0);
  });

  test('03h says that a namespace is zoned', () => {
    driver.model.namespaces.add({ nsid: 2, blocks: 8, commandSet: 2 });
    identify(3, 2);
    expect(view().getUint8(36)).toBe(2);
  });

  test.each([5, 6, 8, 0x1c])('%d has an answer', (cns) => {
    expect(identify(cns, 1)).toMatchObject({ status: SUCCESS });
  });

  test('4.1.1 may cross a page, and writes no byte besides', () => {
    driver.data(0, 16_384).fill(0xee);
    const prp2 = DATA + 8192n;
    driver.admin({ opcode: IDENTIFY, prp1: DATA + 4000n, prp2, cdw10: 1 });
    expect(text(4004, 4013)).toBe('MODEL0001');
    expect([view().getUint8(3999), view(4096).getUint8(0)]).toEqual([0xee, 0xee]);
    expect([view(8192).getUint8(3999), view(8192).getUint8(4000)]).toEqual([0, 0xee]);
  });

  test('4.1.1 refuses PRPs with offsets', () => {
    const refused = { status: PRP_OFFSET_INVALID };
    expect(driver.admin({ opcode: IDENTIFY, prp1: DATA + 1n, cdw10: 1 })).toMatchObject(refused);
    const second = { prp1: DATA + 4n, prp2: DATA + 8196n };
    expect(driver.admin({ opcode: IDENTIFY, ...second, cdw10: 1 })).toMatchObject(refused);
  });

  test('reports memory that is not mapped', () => {
    const failed = { status: 0x004, doNotRetry: false };
    expect(driver.admin({ opcode: IDENTIFY, prp1: 0n, cdw10: 1 })).toMatchObject(failed);
  });
});

describe('5.15, 5.27 features', () => {
  const get = (id: number, select = 0, cdw11 = 0) =>
    driver.admin({ opcode: GET_FEATURES, cdw10: id | (select << 8), cdw11 });
  const set = (id: number, cdw11: number, cdw10 = 0) =>
    driver.admin({ opcode: SET_FEATURES, cdw10: (id | cdw10) >>> 0, cdw11 });

  test.each([1, 2, 5, 8, 10, 11])('%d has a current and a default value', (id) => {
    expect(set(id, 0x102)).toMatchObject({ status: SUCCESS });
    expect(get(id).result).toBe(0x102);
    expect(get(id, 1).result).toBe(0);
    expect(get(id, 2).result).toBe(0);
    expect(get(id, 3).result & 4).toBe(4);
  });

  test('a reset of the controller restores the defaults', () => {
    set(6, 0);
    expect(get(6).result).toBe(0);
    driver.model.write32(0x14, 0);
    driver.enable();
    expect(get(6).result).toBe(1);
  });

  test('each vector has its own configuration', () => {
    set(9, 0x1_0001);
    expect([get(9, 0, 0).result, get(9, 0, 1).result]).toEqual([0, 0x1_0001]);
  });

  test('cannot be saved', () => {
    expect(set(6, 0, 0x8000_0000)).toMatchObject({ status: 0x10d, doNotRetry: true });
  });

  test.each([0x7f, 0])('%d is unknown', (id) => {
    expect(set(id, 0)).toMatchObject({ status: INVALID_FIELD });
    expect(get(id)).toMatchObject({ status: INVALID_FIELD });
  });

  test('5.27.1.5 Number of Queues gives what is asked for, as far as there are queues', () => {
    expect(set(7, 0x0001_0003).result).toBe(0x0003_0003);
    expect(get(7).result).toBe(0x0003_0003);
    expect(set(7, 0x00ff_00ff).result).toBe(0x0007_0007);
    expect(set(7, 0xffff)).toMatchObject({ status: INVALID_FIELD });
  });

  test('5.27.1.5 Number of Queues is all of them again after a reset', () => {
    set(7, 0);
    driver.model.write32(0x14, 0);
    driver.enable();
    expect(get(7).result).toBe(0x0007_0007);
  });

  test('5.27.1.5 Number of Queues cannot change once there are I/O queues', () => {
    driver.createQueue();
    expect(set(7, 0)).toMatchObject({ status: COMMAND_SEQUENCE });
  });
});

describe('5.16 Get Log Page', () => {
  const log = (id: number, bytes: number, more: Partial<RawCommand> = {}) => {
    driver.data(0, 4096).fill(0xee);
    const cdw10 = id | (((bytes / 4 - 1) & 0xffff) << 16);
    return driver.admin({
      opcode: GET_LOG_PAGE,
      prp1: DATA,
      ...more,
      cdw10: cdw10 | (more.cdw10 ?? 0),
    });
  };

  test('00h lists the pages, and 05h the commands', () => {
    log(0, 1024);
    expect([0, 1, 2, 3, 4, 5, 6].map((id) => view().getUint32(4 * id, true))).toEqual([
      1, 1, 1, 1, 1, 1, 0,
    ]);
    log(5, 4096);
    const effects = [4 * 6, 4 * 7, 1024 + 4, 1024 + 8].map((at) => view().getUint32(at, true));
    expect(effects).toEqual([1, 0, 3, 1]);
  });

  test('01h has the newest failure first', () => {
    driver.admin({ opcode: 0x7f });
    const failed = driver.admin({ opcode: IDENTIFY, nsid: 17, prp1: DATA });
    log(1, 128);
    expect([view().getBigUint64(0, true), view().getBigUint64(64, true)]).toEqual([2n, 1n]);
    expect(view().getUint16(10, true)).toBe(failed.cid);
    expect((view().getUint16(12, true) >> 1) & 0x7ff).toBe(INVALID_NAMESPACE);
    expect(view().getUint32(24, true)).toBe(17);
    expect((view().getUint16(64 + 12, true) >> 1) & 0x7ff).toBe(INVALID_OPCODE);
  });

  test('01h keeps as many as it says', () => {
    for (let count = 0; count < 20; count++) driver.admin({ opcode: 0x7f });
    log(1, 16 * 64);
    const counts = [0, 15 * 64].map((at) => view().getBigUint64(at, true));
    expect(counts).toEqual([20n, 5n]);
  });

  test('02h counts what was read and written', () => {
    driver.createQueue();
    driver.send(1, { opcode: 1, nsid: 1, prp1: DATA, cdw12: 1 });
    driver.send(1, { opcode: 2, nsid: 1, prp1: DATA });
    driver.send(1, { opcode: 2, nsid: 1, prp1: DATA });
    log(2, 512, { nsid: 0xffff_ffff });
    const counts = [32, 48, 64, 80].map((at) => view().getBigUint64(at, true));
    expect(counts).toEqual([1n, 1n, 2n, 1n]);
    expect(log(2, 512, { nsid: 1 })).toMatchObject({ status: INVALID_FIELD });
  });

  test('03h has one slot', () => {
    log(3, 512);
    expect([view().getUint8(0), text(8, 16)]).toEqual([1, '1.0     ']);
  });

  test('reads a part from an offset, and zeros behind the end', () => {
    log(3, 8, { cdw12: 8 });
    expect([text(0, 8), view().getUint8(8)]).toEqual(['1.0     ', 0xee]);
    log(3, 16, { cdw12: 508 });
    expect(view().getUint32(4, true)).toBe(0);
    expect(log(3, 8, { cdw12: 516 })).toMatchObject({ status: INVALID_FIELD });
    expect(log(3, 8, { cdw12: 2 })).toMatchObject({ status: INVALID_FIELD });
  });

  test('refuses a length that no page has', () => {
    const huge = { opcode: GET_LOG_PAGE, prp1: DATA, prp2: DATA, cdw10: 3, cdw11: 0xffff };
    expect(driver.admin(huge)).toMatchObject({ status: INVALID_FIELD });
  });

  test('7fh does not exist', () => {
    expect(log(0x7f, 512)).toMatchObject({ status: 0x109, doNotRetry: true });
  });

  describe('5.2 with events', () => {
    const NOTICE = 0x0004_0002;
    const changed = () => {
      log(4, 16);
      return list();
    };
    beforeEach(() => {
      driver.admin({ opcode: SET_FEATURES, cdw10: 0x0b, cdw11: 0x100 });
      driver.submit(0, { opcode: ASYNC_EVENT_REQUEST });
      driver.submit(0, { opcode: ASYNC_EVENT_REQUEST });
      driver.ring(0);
    });

    test('a namespace that changes is reported, once until the page is read', () => {
      expect(driver.poll(0)).toEqual([]);
      driver.model.namespaces.resize(1, 50);
      expect(driver.poll(0)).toMatchObject([{ status: SUCCESS, result: NOTICE }]);
      driver.model.namespaces.remove(5);
      expect(driver.poll(0)).toEqual([]);
      log(4, 16, { cdw10: 1 << 15 });
      expect([list(), driver.poll(0)]).toEqual([[1, 5, 0, 0], []]);
      // The read allows the next event, which is there already.
      driver.submit(0, { opcode: GET_LOG_PAGE, prp1: DATA, cdw10: 4 | (3 << 16) });
      driver.ring(0);
      expect(driver.poll(0).map(({ result }) => result)).toEqual([NOTICE, 0]);
      expect([list(), changed()]).toEqual([
        [1, 5, 0, 0],
        [0, 0, 0, 0],
      ]);
    });

    test('a namespace that changes is not reported to a driver that does not want it', () => {
      driver.admin({ opcode: SET_FEATURES, cdw10: 0x0b, cdw11: 0 });
      driver.model.namespaces.resize(1, 50);
      expect(driver.poll(0)).toEqual([]);
    });

    test('equal events are one until they are reported', () => {
      driver.model.write32(0x1000, 16);
      driver.model.write32(0x1000, 16);
      driver.model.write32(0x1000, 16);
      expect(driver.poll(0)).toHaveLength(1);
      driver.submit(0, { opcode: ASYNC_EVENT_REQUEST });
      for (let count = 0; count < 2; count++) {
        driver.submit(0, { opcode: GET_LOG_PAGE, prp1: DATA, cdw10: 1 | (15 << 16) });
      }
      driver.ring(0);
      expect(driver.poll(0).map(({ result }) => result)).toEqual([0x0001_0100, 0, 0]);
    });

    test('3.3.1.2 a wrong doorbell is reported', () => {
      driver.model.write32(0x1000, 16);
      expect(driver.poll(0)).toMatchObject([{ result: 0x0001_0100 }]);
      expect(log(1, 64)).toMatchObject({ status: SUCCESS });
      driver.model.write32(0x1000 + 8 * 3, 1);
      expect(driver.poll(0)).toMatchObject([{ result: 0x0001_0000 }]);
    });

    test('more requests than AERL are refused', () => {
      driver.submit(0, { opcode: ASYNC_EVENT_REQUEST });
      driver.submit(0, { opcode: ASYNC_EVENT_REQUEST });
      const fifth = driver.send(0, { opcode: ASYNC_EVENT_REQUEST });
      expect(fifth).toMatchObject({ status: 0x105, doNotRetry: true });
    });

    test('5.1 a request can be aborted', () => {
      const request = driver.submit(0, { opcode: ASYNC_EVENT_REQUEST });
      driver.submit(0, { opcode: ABORT, cdw10: request << 16 });
      driver.ring(0);
      expect(driver.poll(0)).toMatchObject([
        { cid: request, status: ABORT_REQUESTED, doNotRetry: false },
        { status: SUCCESS, result: 0 },
      ]);
    });
  });
});

test('5.1 Abort says that it found nothing', () => {
  expect(driver.admin({ opcode: ABORT, cdw10: 0x1234_0001 })).toMatchObject({
    status: SUCCESS,
    result: 1,
  });
});

describe('5.4 to 5.7 queues', () => {
  const PC = 1;
  const IEN = 2;
  const ring = (id: number, entries: number) => id | ((entries - 1) << 16);
  const createCq = (cdw10: number, cdw11 = PC | IEN, prp1 = DATA) =>
    driver.admin({ opcode: 0x05, prp1, cdw10, cdw11 });
  const createSq = (cdw10: number, cdw11 = PC | (1 << 16), prp1 = DATA) =>
    driver.admin({ opcode: 0x01, prp1, cdw10, cdw11 });

  test.each([
    ['number 0', ring(0, 8), PC, DATA, 0x101],
    ['a number above those allocated', ring(9, 8), PC, DATA, 0x101],
    ['one slot', ring(1, 1), PC, DATA, 0x102],
    ['more slots than MQES', ring(1, 1025), PC, DATA, 0x102],
    ['no contiguous memory', ring(1, 8), 0, DATA, INVALID_FIELD],
    ['memory inside a page', ring(1, 8), PC, DATA + 16n, PRP_OFFSET_INVALID],
    ['a vector that does not exist', ring(1, 8), PC | IEN | (9 << 16), DATA, 0x108],
  ])('a completion queue with %s is refused', (_, cdw10, cdw11, prp1, status) => {
    expect(createCq(cdw10, cdw11, prp1)).toMatchObject({ status, doNotRetry: true });
  });

  test.each([
    ['number 0', ring(0, 8), PC | (1 << 16), 0x101],
    ['one slot', ring(1, 1), PC | (1 << 16), 0x102],
    ['the admin completion queue', ring(1, 8), PC, 0x101],
    ['a completion queue that does not exist', ring(1, 8), PC | (2 << 16), 0x100],
    ['no contiguous memory', ring(1, 8), 1 << 16, INVALID_FIELD],
  ])('a submission queue with %s is refused', (_, cdw10, cdw11, status) => {
    createCq(ring(1, 8));
    expect(createSq(cdw10, cdw11)).toMatchObject({ status, doNotRetry: true });
  });

  test('cannot be made twice', () => {
    driver.createQueue(1);
    expect(createCq(ring(1, 8))).toMatchObject({ status: 0x101 });
    expect(createSq(ring(1, 8))).toMatchObject({ status: 0x101 });
  });

  test('need CC.IOSQES and IOCQES', () => {
    driver.model.write32(0x14, 1);
    expect(createCq(ring(1, 8))).toMatchObject({ status: 0x102 });
  });

  test('are deleted in order', () => {
    driver.createQueue(1);
    expect(driver.admin({ opcode: 0x04, cdw10: 1 })).toMatchObject({ status: 0x10c });
    expect(driver.admin({ opcode: 0x00, cdw10: 1 })).toMatchObject({ status: SUCCESS });
    expect(driver.admin({ opcode: 0x00, cdw10: 1 })).toMatchObject({ status: 0x101 });
    expect(driver.admin({ opcode: 0x04, cdw10: 1 })).toMatchObject({ status: SUCCESS });
    expect(driver.admin({ opcode: 0x04, cdw10: 1 })).toMatchObject({ status: 0x101 });
    expect(driver.admin({ opcode: 0x04, cdw10: 0 })).toMatchObject({ status: 0x101 });
    driver.createQueue(1);
  });
});

test.each([
  ['an unknown opcode', { opcode: 0x7f }, INVALID_OPCODE],
  ['SGLs', { opcode: IDENTIFY, flags: 0x40 }, INVALID_FIELD],
  ['a fused command', { opcode: IDENTIFY, flags: 0x01 }, INVALID_FIELD],
])('3.3.3.1 %s is refused', (_, command, status) => {
  expect(driver.admin(command)).toMatchObject({ status, doNotRetry: true });
});
