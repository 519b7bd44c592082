// SPDX-License-Identifier: MIT
// Executes the I/O commands of the NVM command set (NVM Command Set Specification 1.0, 3.2).
import type { NvmeModelNamespace } from './namespaces.js';
import { NvmOpcode } from './opcodes.js';
import { PAGE_BYTES, type Parts } from './parts.js';
import { readData, writeData } from './prp.js';
import { demand, StatusCode } from './status.js';
import type { Submission } from './submission.js';

type Execute = (parts: Parts, command: Submission) => void;

const COMMANDS: Readonly<Record<number, Execute>> = {
  [NvmOpcode.FLUSH]: flush,
  [NvmOpcode.WRITE]: write,
  [NvmOpcode.READ]: read,
  [NvmOpcode.COMPARE]: compare,
  [NvmOpcode.WRITE_ZEROES]: writeZeroes,
  [NvmOpcode.DATASET_MANAGEMENT]: manageDataset,
};

/** Throws a {@link CommandFailure} if the command fails. */
export function executeIo(parts: Parts, command: Submission): number {
  const execute = COMMANDS[command.opcode];
  demand(execute !== undefined, StatusCode.INVALID_OPCODE);
  execute(parts, command);
  return 0;
}

const ALL_NAMESPACES = 0xffff_ffff;

function flush(parts: Parts, command: Submission): void {
  const { namespaces } = parts;
  if (command.nsid !== ALL_NAMESPACES) {
    namespaceOf(parts, command).storage.flush();
    return;
  }
  for (const nsid of namespaces.ids) namespaces.get(nsid)?.storage.flush();
}

function write(parts: Parts, command: Submission): void {
  const { storage, offset, bytes } = transferOf(parts, command);
  storage.write(offset, readData(parts.host, command, bytes, PAGE_BYTES));
  parts.logs.counters.written += bytes;
  parts.logs.counters.writeCommands++;
}

function read(parts: Parts, command: Submission): void {
  const { storage, offset, bytes } = transferOf(parts, command);
  writeData(parts.host, command, storage.read(offset, bytes), PAGE_BYTES);
  parts.logs.counters.read += bytes;
  parts.logs.counters.readCommands++;
}

function compare(parts: Parts, command: Submission): void {
  const { storage, offset, bytes } = transferOf(parts, command);
  const expected = readData(parts.host, command, bytes, PAGE_BYTES);
  const same = Buffer.compare(storage.read(offset, bytes), expected) === 0;
  demand(same, StatusCode.COMPARE_FAILURE);
  parts.logs.counters.read += bytes;
  parts.logs.counters.readCommands++;
}

/** It moves no data, so MDTS does not limit it. */
function writeZeroes(parts: Parts, command: Submission): void {
  const namespace = namespaceOf(parts, command);
  clear(namespace, lbaOf(command), blocksOf(command));
}

const RANGE_BYTES = 16;
/** CDW11: deallocate. The other attributes are hints about later accesses. */
const DEALLOCATE = 1 << 2;

/** Deallocated blocks read as zeros. All ranges are checked before the first one changes anything. */
function manageDataset(parts: Parts, command: Submission): void {
  const namespace = namespaceOf(parts, command);
  const count = (command.cdw10 & 0xff) + 1;
  const data = readData(parts.host, command, count * RANGE_BYTES, PAGE_BYTES);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const ranges = Array.from({ length: count }, (_, index) => ({
    blocks: view.getUint32(RANGE_BYTES * index + 4, true),
    lba: Number(view.getBigUint64(RANGE_BYTES * index + 8, true)),
  }));
  for (const { lba, blocks } of ranges) checkRange(namespace, lba, blocks);
  if ((command.cdw11 & DEALLOCATE) === 0) return;
  for (const { lba, blocks } of ranges) clear(namespace, lba, blocks);
}

/** How much is cleared at a time. */
const CLEARED_BYTES = 1024 * 1024;

function clear(namespace: NvmeModelNamespace, lba: number, blocks: number): void {
  const { blockBytes, storage } = namespace;
  checkRange(namespace, lba, blocks);
  const end = (lba + blocks) * blockBytes;
  for (let at = lba * blockBytes; at < end; at += CLEARED_BYTES) {
    storage.write(at, new Uint8Array(Math.min(CLEARED_BYTES, end - at)));
  }
}

/** Where the data of a command is on the medium. */
function transferOf(parts: Parts, command: Submission) {
  const namespace = namespaceOf(parts, command);
  const lba = lbaOf(command);
  const blocks = blocksOf(command);
  const { blockBytes, storage } = namespace;
  const bytes = blocks * blockBytes;
  const { mdts } = parts.settings;
  demand(mdts === 0 || bytes <= PAGE_BYTES * 2 ** mdts, StatusCode.INVALID_FIELD);
  checkRange(namespace, lba, blocks);
  return { storage, offset: lba * blockBytes, bytes };
}

function checkRange(namespace: NvmeModelNamespace, lba: number, blocks: number): void {
  demand(lba + blocks <= namespace.blocks, StatusCode.LBA_OUT_OF_RANGE);
}

/** An inactive namespace and one that cannot exist are different failures (3.2.1). */
function namespaceOf({ namespaces }: Parts, { nsid }: Submission): NvmeModelNamespace {
  demand(nsid >= 1 && nsid <= namespaces.limit, StatusCode.INVALID_NAMESPACE);
  const namespace = namespaces.get(nsid);
  demand(namespace !== undefined, StatusCode.INVALID_FIELD);
  return namespace;
}

function lbaOf({ cdw10, cdw11 }: Submission): number {
  return cdw10 + cdw11 * 2 ** 32;
}

/** NLB is 0's based. */
function blocksOf({ cdw12 }: Submission): number {
  return (cdw12 & 0xffff) + 1;
}
