// SPDX-License-Identifier: MIT
// Commands of the NVMe driver, on a controller of memory that completes them at once. It costs the driver and the twin
// the same.
import { type Device, type DmaBuffer, openDevice } from 'vfio';
import { Namespace } from '../../lib/nvme/namespace.js';
import { QueuePair } from '../../lib/nvme/queue.js';
import { address, memoryMachine } from '../memory-machine.js';
import { bench } from '../native.js';
import type { Result } from '../report.js';
import { type Row, resultsOf } from '../results.js';
import { type Contender, type Effort, takeTurns } from '../rounds.js';

const ENTRIES = 64;
const DEPTH = 32;
const BLOCK_BYTES = 512;
const READ_BYTES = 4096;

/** A queue pair on the controller of memory, and a namespace that uses it. */
interface Rig {
  readonly queue: QueuePair;
  readonly namespace: Namespace;
  readonly data: DmaBuffer;
}

function rigOn(device: Device): Rig {
  const [sq, cq, lists] = [4096, 4096, 4096].map((bytes) => device.allocDma(bytes)) as [
    DmaBuffer,
    DmaBuffer,
    DmaBuffer,
  ];
  const bar = device.bar(0);
  const doorbells = { tail: bar.doorbell(0x1000), head: bar.doorbell(0x1004) };
  const queue = new QueuePair({ id: 1, entries: ENTRIES, sq, cq, doorbells });
  bench.nvmeAttach(0, bench.addressOf(sq.buffer), bench.addressOf(cq.buffer), ENTRIES);
  const identity = {
    nsid: 1,
    nsze: 2n ** 30n,
    ncap: 2n ** 30n,
    nuse: 0n,
    nsfeat: 0,
    noiob: 0,
    nguid: '',
    eui64: '',
    blockBytes: BLOCK_BYTES,
    metadataBytes: 0,
  };
  const io = { queue, lists, listBytes: 0, maxTransferBytes: 2 * READ_BYTES };
  const errorOf = (what: string, status: number) => new Error(`${what}: ${status}`) as never;
  const namespace = new Namespace({ io, errorOf }, identity);
  return { queue, namespace, data: device.allocDma(DEPTH * READ_BYTES) };
}

/** Measures the driver's queue and namespace beside the twin's. */
export async function nvmeCommands(effort: Effort): Promise<Result[]> {
  memoryMachine();
  await using device = await openDevice(address);
  const rig = rigOn(device);
  bench.nvmeOpen();
  const contenders: Contender[] = [
    { name: 'nvme.submit', run: submits(rig), operations: DEPTH },
    { name: 'nvme.submitRead', run: reads(rig, DEPTH), operations: DEPTH },
    { name: 'nvme.qd1', run: reads(rig, 1) },
    { name: 'nvme.read', run: promises(rig), operations: DEPTH },
    { name: 'nvme.poll.empty', run: emptyPolls(rig) },
    { name: 'qd32 twin', run: (turns) => bench.nvmeRounds(DEPTH, turns), operations: DEPTH },
    { name: 'qd1 twin', run: (turns) => bench.nvmeRounds(1, turns) },
    { name: 'empty twin', run: (turns) => bench.nvmePollEmpty(turns) },
  ];
  return resultsOf(rows, await takeTurns(contenders, effort), 'ns');
}

const rows: readonly Row[] = [
  row('nvme.submit', 'queue.submit and its callback, 32 a doorbell', 'qd32'),
  row('nvme.submitRead', 'submitRead of 4 KiB and its callback, 32 a doorbell', 'qd32'),
  row('nvme.qd1', 'the same, one a doorbell', 'qd1'),
  row('nvme.read', 'await read() of 4 KiB, 32 at once', 'qd32'),
  {
    ...row('nvme.poll.empty', 'poll() without a completion', 'empty'),
    against: 'C++ load, compare',
  },
];

function row(name: string, what: string, twin: 'qd32' | 'qd1' | 'empty'): Row {
  return { name, what, twin: `${twin} twin`, against: 'C++ ring, callback' };
}

function submits({ queue }: Rig): Contender['run'] {
  const done = () => {};
  return (rounds) => {
    const start = bench.processorTime();
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < DEPTH; i++) {
        queue.submit(2, 1, 0x10_0000 + i * READ_BYTES, 0, 0, 0, 8 * i, 0, 7, done);
      }
      queue.ring();
      bench.nvmeComplete(0, DEPTH);
      queue.poll();
    }
    return bench.processorTime() - start;
  };
}

function reads({ queue, namespace, data }: Rig, depth: number): Contender['run'] {
  let succeeded = 0;
  const done = (status: number) => {
    if (status === 0) succeeded++;
  };
  return (rounds) => {
    const [start, before] = [bench.processorTime(), succeeded];
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < depth; i++) {
        namespace.submitRead(8 * i, data, i * READ_BYTES, READ_BYTES, done);
      }
      namespace.ring();
      bench.nvmeComplete(0, depth);
      queue.poll();
    }
    const taken = bench.processorTime() - start;
    if (succeeded - before !== rounds * depth) throw new Error('A command was lost');
    return taken;
  };
}

function promises({ queue, namespace, data }: Rig): Contender['run'] {
  return async (rounds) => {
    const start = bench.processorTime();
    for (let round = 0; round < rounds; round++) {
      const all = [];
      for (let i = 0; i < DEPTH; i++) {
        all.push(namespace.read(8 * i, data, i * READ_BYTES, READ_BYTES));
      }
      bench.nvmeComplete(0, DEPTH);
      queue.poll();
      for (const read of all) await read;
    }
    return bench.processorTime() - start;
  };
}

function emptyPolls({ queue }: Rig): Contender['run'] {
  return (turns) => {
    const start = bench.processorTime();
    for (let turn = 0; turn < turns; turn++) queue.poll();
    return bench.processorTime() - start;
  };
}
