// SPDX-License-Identifier: MIT
// edu as a driver uses it: registers, a computation, DMA in both directions and interrupts.
import { randomFillSync } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Device, Interrupt } from '../../lib/index.js';
import { describeContract } from '../support/back-ends.js';
import { reg } from '../support/edu.js';
import { until } from '../support/until.js';

const busy = 0x01;
const raiseAfterFactorial = 0x80;
const dmaBuffer = 0x40000;
const dma = { start: 1, toMemory: 2, raise: 4 };

function factorialOf(n: number): number {
  let product = 1;
  for (let i = 2; i <= n; i++) product = Math.imul(product, i);
  return product >>> 0;
}

describeContract({ device: 'edu' }, 'edu', (subject) => {
  const { edu } = subject.devices;
  const held = subject.useDevice(edu);
  let device: Device;

  const read = (offset: number) => device.bar(0).read32(offset);
  const write = (offset: number, value: number) => device.bar(0).write32(offset, value);

  beforeAll(() => {
    ({ device } = held);
    // The previous process may have been killed with an interrupt raised, and no reset clears it.
    write(reg.interruptAcknowledge, 0xffff_ffff);
  });

  describe('registers', () => {
    test('identify the device', () => {
      expect(device.info).toMatchObject({ vendorId: edu.vendor, deviceId: edu.device });
      expect(read(reg.identification)).toBe(0x0100_00ed);
      expect(device.config.read16(0)).toBe(edu.vendor);
      expect(device.bar(0).byteLength).toBe(2 ** 20);
    });
  });

  test.each([0, 1, 5, 12, 13])('computes the factorial of %i', async (n) => {
    write(reg.status, 0);
    write(reg.factorial, n);
    await until(() => (read(reg.status) & busy) === 0);
    expect(read(reg.factorial)).toBe(factorialOf(n));
  });

  describe.each(['msi', 'intx'] as const)('interrupts by %s', (type) => {
    async function withInterrupt(use: (vector: Interrupt) => Promise<void>): Promise<void> {
      device.busMaster = true;
      using interrupts = device.enableInterrupts(type);
      await use(interrupts.vector(0));
    }

    /** Acknowledges the interrupt. A listener must do this before INTx is unmasked. */
    function acknowledge(): number {
      const raised = read(reg.interruptStatus);
      write(reg.interruptAcknowledge, raised);
      return raised;
    }

    test('arrive again and again', () =>
      withInterrupt(async (vector) => {
        let count = 0;
        vector.on((raised) => {
          count += raised;
          acknowledge();
        });
        for (let round = 1; round <= 20; round++) {
          write(reg.interruptRaise, 1);
          await until(() => count >= round);
        }
        expect(count).toBe(20);
      }));

    test('announce the end of a computation', () =>
      withInterrupt(async (vector) => {
        const arrived = new Promise<number>((resolve) => {
          vector.on(() => resolve(acknowledge()));
        });
        write(reg.status, raiseAfterFactorial);
        write(reg.factorial, 10);
        expect(await arrived).toBe(0x01);
        expect(read(reg.factorial)).toBe(3628800);
        write(reg.status, 0);
      }));
  });

  describe('DMA', () => {
    /** Makes one transfer. Source and destination are addresses as the device sees them. */
    async function transfer(
      source: number,
      destination: number,
      bytes: number,
      direction: number,
    ): Promise<void> {
      device.busMaster = true;
      using interrupts = device.enableInterrupts('msi');
      const done = interrupts.vector(0).once({ timeout: 5000 });
      const bar = device.bar(0);
      bar.write64(reg.dmaSource, BigInt(source));
      bar.write64(reg.dmaDestination, BigInt(destination));
      bar.write64(reg.dmaCount, BigInt(bytes));
      bar.write64(reg.dmaCommand, BigInt(dma.start | direction | dma.raise));
      await done;
      expect(read(reg.interruptStatus)).toBe(0x100);
      write(reg.interruptAcknowledge, 0x100);
    }

    // QEMU 7.2 treats a transfer that reaches the end of the device's buffer as out of bounds, and ends the machine.
    test.each([
      [4, 0],
      [512, 0],
      [1000, 123],
      [4095, 0],
    ])('carries %i bytes from offset %i there and back', async (bytes, offset) => {
      using sent = device.allocDma(8192);
      using received = device.allocDma(8192);
      randomFillSync(sent.u8);
      await transfer(sent.address(offset), dmaBuffer, bytes, 0);
      await transfer(dmaBuffer, received.address(offset), bytes, dma.toMemory);
      const expected = Buffer.alloc(8192);
      expected.set(sent.u8.subarray(offset, offset + bytes), offset);
      expect(Buffer.compare(received.u8, expected)).toBe(0);
    });
  });
});
