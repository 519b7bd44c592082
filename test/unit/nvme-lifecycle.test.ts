// SPDX-License-Identifier: MIT
import { describe, expect, test } from '@jest/globals';
import { bindRegisters } from '../../lib/index.js';
import { disable, enable, shutdown } from '../../lib/nvme/lifecycle.js';
import { type NvmeRegisters, REGISTERS } from '../../lib/nvme/registers.js';
import { FakeQueue, registerSpace } from '../support/nvme.js';

const { CAP, CC, CSTS, AQA, ASQ, ACQ, CRTO } = REGISTERS;
const RDY = 1;
const CFS = 2;
const SHST_COMPLETE = 2 << 2;
/** CAP of a usable controller: TO is 1 (500 ms), 4 KiB pages, the NVM command set. */
const GOOD_CAP = 0x0000_0020_0100_07ffn;

/** Registers that react to a write of CC like a controller: CSTS changes after some reads. */
class FakeController {
  readonly writes: [offset: number, value: number][] = [];
  readonly registers: NvmeRegisters;
  cap = GOOD_CAP;
  crto = 0;
  cc = 0;
  csts = 0;
  /** Computes the CSTS that follows a write of CC. By default, it reacts like a healthy controller. */
  react = (cc: number): number => {
    if ((cc & 0xc000) !== 0) return RDY | SHST_COMPLETE;
    return (cc & 1) === 1 ? RDY : 0;
  };
  #next: number | undefined;
  #readsLeft = 0;

  constructor() {
    this.registers = bindRegisters(
      registerSpace({
        read32: (offset) => this.#read(offset),
        write32: (offset, value) => this.#write(offset, value),
      }),
      REGISTERS,
    );
  }

  #read(offset: number): number {
    if (offset === CAP.at) return Number(this.cap & 0xffff_ffffn);
    if (offset === CAP.at + 4) return Number(this.cap >> 32n);
    if (offset === CC.at) return this.cc;
    if (offset === CRTO.at) return this.crto;
    expect(offset).toBe(CSTS.at);
    if (this.#next !== undefined && --this.#readsLeft <= 0) {
      this.csts = this.#next;
      this.#next = undefined;
    }
    return this.csts;
  }

  #write(offset: number, value: number): void {
    this.writes.push([offset, value]);
    if (offset !== CC.at) return;
    this.cc = value;
    this.#next = this.react(value);
    this.#readsLeft = 3;
  }
}

function adminQueue() {
  return new FakeQueue(32).queue;
}

describe('enable', () => {
  test('tells of the admin queues before CC.EN, and waits for CSTS.RDY', async () => {
    const fake = new FakeController();
    await enable(fake.registers, adminQueue());
    expect(fake.writes).toEqual([
      [AQA.at, 0x001f_001f],
      [ASQ.at, 0x10_0000],
      [ASQ.at + 4, 0],
      [ACQ.at, 0x20_0000],
      [ACQ.at + 4, 0],
      [CC.at, 0x0046_0001],
    ]);
    expect(fake.csts).toBe(RDY);
  });

  test('gives up after CAP.TO', async () => {
    const fake = new FakeController();
    fake.react = () => 0;
    await expect(enable(fake.registers, adminQueue())).rejects.toMatchObject({
      code: 'ERR_NVME_TIMEOUT',
      message: expect.stringMatching(
        /^The controller did not become ready within 500 ms \(CAP\.TO\): CC 0x00460001 EN=1 .*; CSTS 0x00000000 RDY=0 /,
      ),
      hint: expect.stringContaining('device.reset()'),
    });
  });

  test.each([
    ['CRTO.CRWMT, the longer one', 2, 1000, 'CRTO.CRWMT'],
    ['CAP.TO, the longer one', 0, 500, 'CAP.TO'],
  ])('gives up after %s', async (_, crwmt, limit, source) => {
    const fake = new FakeController();
    fake.cap = GOOD_CAP | (1n << 59n);
    fake.crto = crwmt;
    fake.react = () => 0;
    await expect(enable(fake.registers, adminQueue())).rejects.toMatchObject({
      message: expect.stringContaining(`within ${limit} ms (${source})`),
    });
  });

  test('gives up at once on a fatal status', async () => {
    const fake = new FakeController();
    fake.react = () => CFS;
    await expect(enable(fake.registers, adminQueue())).rejects.toMatchObject({
      code: 'ERR_NVME_FATAL',
    });
  });

  test.each([
    ['the NVM command set', GOOD_CAP & ~(1n << 37n)],
    ['4 KiB pages', GOOD_CAP | (1n << 48n)],
  ])('refuses a controller without %s', async (_, cap) => {
    const fake = new FakeController();
    fake.cap = cap;
    await expect(enable(fake.registers, adminQueue())).rejects.toMatchObject({
      code: 'ERR_NVME_UNSUPPORTED',
    });
    expect(fake.writes).toEqual([]);
  });
});

describe('disable', () => {
  test('writes nothing to a controller that is disabled', async () => {
    const fake = new FakeController();
    await disable(fake.registers);
    expect(fake.writes).toEqual([]);
  });

  test('clears EN alone and waits for RDY to go', async () => {
    const fake = new FakeController();
    fake.cc = 0x0046_0001;
    fake.csts = RDY;
    await disable(fake.registers);
    expect(fake.writes).toEqual([[CC.at, 0x0046_0000]]);
    expect(fake.csts).toBe(0);
  });

  test('is how a controller with a fatal status is stopped', async () => {
    const fake = new FakeController();
    fake.cc = 0x0046_0001;
    fake.csts = RDY | CFS;
    await disable(fake.registers);
    expect(fake.csts).toBe(0);
  });

  test('gives up after CAP.TO if RDY stays', async () => {
    const fake = new FakeController();
    fake.cc = 0x0046_0001;
    fake.csts = RDY;
    fake.react = () => RDY;
    await expect(disable(fake.registers)).rejects.toMatchObject({
      code: 'ERR_NVME_TIMEOUT',
      message: expect.stringContaining('did not stop within 500 ms (CAP.TO)'),
    });
  });

  test('says that a device is gone', async () => {
    const fake = new FakeController();
    fake.csts = 0xffff_ffff;
    await expect(disable(fake.registers)).rejects.toMatchObject({
      code: 'ERR_NVME_FATAL',
      message: expect.stringContaining('gone'),
    });
  });
});

describe('shutdown', () => {
  test('asks for a normal one and waits for its end', async () => {
    const fake = new FakeController();
    fake.cc = 0x0046_0001;
    fake.csts = RDY;
    await shutdown(fake.registers, 1_000_000);
    expect(fake.writes).toEqual([[CC.at, 0x0046_4001]]);
    expect(fake.csts).toBe(RDY | SHST_COMPLETE);
  });

  test('does not wait for ever', async () => {
    const fake = new FakeController();
    fake.react = () => RDY;
    await expect(shutdown(fake.registers, 19_500)).rejects.toMatchObject({
      message: expect.stringContaining('did not shut down within 20 ms (RTD3E)'),
    });
  });
});
