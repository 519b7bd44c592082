// SPDX-License-Identifier: MIT
// The protocol between the host and process 1 of the guest. It runs over one virtio-serial port: u32 kind, u32 size,
// then the bytes. The list of kinds is also in vm/init/init.h.

export const Frame = {
  /** The guest is up, commands follow. */
  started: 1,
  stdout: 2,
  stderr: 3,
  /** Bytes written to the results FIFO. */
  result: 4,
  /** Records as `/dev/kmsg` gives them. */
  kernelLog: 5,
  /** u32 connection, then one line of JSON. */
  request: 6,
  /** The same, from the host. */
  reply: 7,
  /** The command's wait status, u32. */
  exit: 8,
  /** Why the command could not be run. */
  failed: 9,
} as const;

const HEADER_SIZE = 8;

export function encodeFrame(kind: number, data: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_SIZE);
  header.writeUInt32LE(kind, 0);
  header.writeUInt32LE(data.length, 4);
  return Buffer.concat([header, data]);
}

/** Cuts a byte stream into frames, however it arrives. */
export class FrameReader {
  readonly #handle: (kind: number, data: Buffer) => void;
  #pending: Buffer = Buffer.alloc(0);

  constructor(handle: (kind: number, data: Buffer) => void) {
    this.#handle = handle;
  }

  push(chunk: Buffer): void {
    let rest = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    while (rest.length >= HEADER_SIZE) {
      const end = HEADER_SIZE + rest.readUInt32LE(4);
      if (rest.length < end) break;
      this.#handle(rest.readUInt32LE(0), rest.subarray(HEADER_SIZE, end));
      rest = rest.subarray(end);
    }
    this.#pending = rest;
  }
}
