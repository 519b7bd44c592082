// SPDX-License-Identifier: MIT
// Kills processes at random points of a transfer, and watches the memory that the transfer writes to.
import { bindDevice } from '../../lib/index.js';
import { edu } from '../../vm/devices.js';
import { interruptTransfer } from '../support/interrupted-transfer.js';
import { Peer } from '../support/peer.js';
import type { Figures, SoakCase } from './soak.js';

/** The process of the next round. It starts during the current round, because starting takes most of a round. */
let next: Peer;

async function prepare(): Promise<AsyncDisposable> {
  const binding = await bindDevice(edu.address);
  next = new Peer();
  return {
    async [Symbol.asyncDispose]() {
      await next.kill();
      await binding.restore();
    },
  };
}

/** Each process opens the device in the state that the previous kill left, and first makes it read memory. */
async function round(): Promise<Figures> {
  const peer = next;
  next = new Peer();
  const { writtenAfterEnd, bytesCompared } = await interruptTransfer(peer, () =>
    peer.kill('SIGKILL'),
  );
  if (writtenAfterEnd > 0) throw new Error(`${writtenAfterEnd} bytes were written after the end`);
  return { kills: 1, bytesVerified: bytesCompared };
}

export const killCase: SoakCase = {
  name: 'F6/ a process is killed while its device writes to memory',
  prepare,
  round,
  promised: 200,
};
