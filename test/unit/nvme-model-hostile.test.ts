// SPDX-License-Identifier: MIT
// A driver that writes anything to the model: registers, doorbells, rings and PRP lists with random contents.
import { test } from '@jest/globals';
import fc from 'fast-check';
import { DATA, IOVA, ModelDriver, type RawCommand } from '../support/model-driver.js';

/** Values at which something begins or ends, and any others. */
const dword = fc.oneof(
  fc.constantFrom(0, 1, 2, 7, 8, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
  fc.integer({ min: 0, max: 0xffff_ffff }),
);
/** Addresses in and around the memory, also inside pages. */
const address = fc.oneof(
  fc.integer({ min: -8192, max: 8 * 1024 * 1024 + 8192 }).map((at) => IOVA + BigInt(at)),
  fc.integer({ min: 0, max: 2047 }).map((page) => IOVA + BigInt(4096 * page)),
  fc.constantFrom(0n, 2n ** 64n - 1n, 2n ** 64n - 4096n, DATA),
);
const small = fc.integer({ min: 0, max: 17 });

const command: fc.Arbitrary<RawCommand> = fc.record({
  opcode: fc.oneof(small, fc.integer({ min: 0, max: 255 })),
  flags: fc.constantFrom(0, 0, 0, 0, 1, 0x40),
  nsid: fc.oneof(small, dword),
  prp1: address,
  prp2: address,
  cdw10: fc.oneof(small, dword),
  cdw11: fc.oneof(small, dword),
  cdw12: fc.oneof(small, dword),
  cdw13: fc.oneof(small, dword),
});

type Step = (driver: ModelDriver) => void;

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(fc.integer({ min: 0, max: 1 }), command).map(
    ([queue, each]): Step =>
      (driver) => {
        driver.submit(queue, each);
        driver.ring(queue);
      },
  ),
  fc.integer({ min: 0, max: 1 }).map(
    (queue): Step =>
      (driver) =>
        void driver.poll(queue),
  ),
  fc.tuple(fc.integer({ min: 0, max: 0x20 }), fc.oneof(small, dword)).map(
    ([index, value]): Step =>
      (driver) =>
        driver.model.write32(4 * index, value),
  ),
  fc.tuple(fc.integer({ min: 0, max: 20 }), fc.oneof(small, dword)).map(
    ([index, value]): Step =>
      (driver) =>
        driver.model.write32(0x1000 + 4 * index, value),
  ),
  address.map(
    (base): Step =>
      (driver) => {
        driver.model.write32(0x14, 0);
        driver.model.write64(0x30, base);
        driver.model.write32(0x14, 0x0046_0001);
      },
  ),
  fc.constant<Step>((driver) => {
    driver.model.write32(0x14, 0);
    driver.enable();
  }),
);

test('a driver that writes anything cannot make it throw, or leave its memory', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const driver = new ModelDriver({ namespaces: [{ blocks: 4096 }], mdts: 0 });
      driver.enable();
      try {
        driver.createQueue(1);
        for (const each of steps) each(driver);
      } finally {
        driver.model.close();
      }
    }),
    { numRuns: 300 },
  );
});
