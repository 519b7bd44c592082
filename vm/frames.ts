// SPDX-License-Identifier: MIT
// The protocol between the host and process 1 of the guest. A frame on the virtio-serial port is a u32 kind, a u32 size
// and that many bytes. vm/init/init.h has the same list of kinds.

export const Frame = {
  /** The guest has booted and runs the command now. */
  started: 1,
  stdout: 2,
  stderr: 3,
  /** Bytes written to the results FIFO. */
  result: 4,
  /** Records as read from `/dev/kmsg`. */
  kernelLog: 5,
  /** A u32 that identifies the connection, then one line of JSON. */
  request: 6,
  /** The host's answer, in the same form. */
  reply: 7,
  /** The command's wait status, u32. */
  exit: 8,
  /** The reason why the command could not run, as text. */
  failed: 9,
} as const;

const HEADER_SIZE = 8;

export function encodeFrame(kind: number, data: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_SIZE);
  header.writeUInt32LE(kind, 0);
  header.writeUInt32LE(data.length, 4);
  return Buffer.concat([header, data]);
}

/** Cuts a byte stream into frames, in whatever pieces it arrives. */
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
