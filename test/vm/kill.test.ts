// SPDX-License-Identifier: MIT
// Processes that end, in every possible way, while their device writes to memory. Nothing is written after the end, and
// the next process can use the device without any repair.
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { edu } from '../../vm/devices.js';
import { useBound } from '../support/bound.js';
import { interruptTransfer } from '../support/interrupted-transfer.js';
import { expectKernelLog } from '../support/kernel-log.js';
import { hasMemoryCgroups, MemoryCgroup } from '../support/memory-cgroup.js';
import { Peer } from '../support/peer.js';
import { testIf } from '../support/skips.js';
import { describeOn } from '../support/subject.js';

/** `npm run soak` makes hundreds of them. */
const KILLS = 2;
const MiB = 2 ** 20;

/** The OOM killer logs how much memory there is, with a call trace. */
function expectOomReport(): void {
  expectKernelLog(/Killed process .*node/);
  expectKernelLog(/Call Trace:/, { optional: true });
}

/** Makes the OOM killer kill a process. */
async function runOutOfMemory(peer: Peer): Promise<void> {
  writeFileSync(`/proc/${peer.pid}/oom_score_adj`, '1000');
  writeFileSync('/proc/sysrq-trigger', 'f');
}

describeOn(
  { backend: 'type1', device: 'edu' },
  'F6/ a process that ends while its device writes',
  () => {
    useBound(edu);
    /** The process for the next test. It starts while the current test runs. */
    let next: Peer;

    beforeAll(() => {
      next = new Peer();
    });
    afterAll(() => next.kill());

    /** Each process opens the device in the state that the previous process left, and first makes it read memory. */
    async function interrupt(end: (peer: Peer) => Promise<unknown>): Promise<Peer> {
      const peer = next;
      next = new Peer();
      const { writtenAfterEnd } = await interruptTransfer(peer, end);
      expect(writtenAfterEnd).toBe(0);
      return peer;
    }

    test('is seen to write where the test looks', async () => {
      const { landed } = await interruptTransfer(next, async (peer) => {
        // After this command, the transfer has ended.
        await peer.call('copyByDma', 1, 16);
        await peer.kill();
      });
      next = new Peer();
      expect(landed).toBe(true);
    });

    test(`writes nothing after SIGKILL, ${KILLS} times`, async () => {
      for (let kill = 0; kill < KILLS; kill++) await interrupt((peer) => peer.kill('SIGKILL'));
    });

    test.each<[string, string | number, (peer: Peer) => Promise<unknown>]>([
      ['SIGTERM', 'SIGTERM', (peer) => peer.kill('SIGTERM')],
      ['SIGSEGV', 'SIGSEGV', (peer) => peer.kill('SIGSEGV')],
      ['process.exit', 0, (peer) => peer.call('exit')],
      ['an exception that nobody catches', 1, (peer) => peer.call('throw')],
    ])('writes nothing after %s', async (_how, status, end) => {
      const peer = await interrupt(end);
      expect(await peer.ended).toBe(status);
    });

    test('writes nothing after the OOM killer has come', async () => {
      expectOomReport();
      const peer = await interrupt(runOutOfMemory);
      expect(await peer.ended).toBe('SIGKILL');
    });

    testIf(hasMemoryCgroups, 'this kernel has no memory limits for control groups')(
      'writes nothing when its mapping passes the limit of its control group half-way',
      async () => {
        expectOomReport();
        using limited = new MemoryCgroup(192 * MiB);
        const peer = await interrupt(async (ended) => {
          limited.add(ended.pid);
          await expect(ended.call('allocDma', 512 * MiB)).rejects.toThrow('SIGKILL');
        });
        expect(await peer.ended).toBe('SIGKILL');
      },
    );

    test('leaves a device that works', async () => {
      await next.call('openDevice', edu.address);
      const arrived = await next.call('copyByDma', 0x44, 512);
      expect(arrived).toEqual(new Uint8Array(512).fill(0x44));
      await next.call('closeDevice');
    });
  },
);
