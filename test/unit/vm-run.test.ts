// SPDX-License-Identifier: MIT
// The ways in which a run of the test machine can end, with a fake process as QEMU.
import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { expect, test } from '@jest/globals';
import { encodeFrame, Frame } from '../../vm/frames.js';
import type { Qemu } from '../../vm/qemu.js';
import { Run } from '../../vm/run.js';

function startRun() {
  const process = new EventEmitter();
  const end = () => ['exit', 'close'].map((event) => process.emit(event, 0, null));
  Object.assign(process, { kill: () => setImmediate(end) });
  const [port, monitor, console, stderr] = Array.from({ length: 4 }, () => new PassThrough());
  const qemu = { process, port, monitor, console, stderr, kill: () => {} } as unknown as Qemu;
  const { finished } = new Run(qemu, { kernel: 'lab', command: ['true'] }, 60);
  const send = (kind: number, data = Buffer.alloc(0)) =>
    port?.emit('data', encodeFrame(kind, data));
  return { process, send, finished };
}

test('a command that ends gives its status', async () => {
  const { send, finished } = startRun();
  send(Frame.started);
  send(Frame.exit, Buffer.from([0, 3, 0, 0]));
  expect(await finished).toMatchObject({ status: 3, signal: null });
});

test.each([
  ['a signal ends QEMU while the command runs', true, [null, 'SIGSEGV'], 'ERR_VM_CRASHED'],
  ['a signal ends QEMU in the boot', false, [null, 'SIGSEGV'], 'ERR_VM_BOOT'],
  ['the guest ends by itself', true, [0, null], 'ERR_VM_DIED'],
  ['QEMU refuses to start', false, [1, null], 'ERR_VM_QEMU'],
] as const)('%s', async (_, started, [status, signal], code) => {
  const { process, send, finished } = startRun();
  if (started) send(Frame.started);
  process.emit('close', status, signal);
  await expect(finished).rejects.toMatchObject({ code });
});
