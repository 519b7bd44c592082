// SPDX-License-Identifier: MIT
// The medium of a namespace: bytes in memory or in a file.
import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';

/**
 * A medium. Offsets and lengths are in bytes, and lie within {@link bytes}. If a method throws an error of a system call
 * (with `syscall`), the command fails with "Internal Error".
 */
export interface NvmeStorage {
  /** Its size. */
  readonly bytes: number;
  read(offset: number, bytes: number): Uint8Array;
  write(offset: number, data: Uint8Array): void;
  /** Makes everything that was written durable. The Flush command and a shutdown call it. */
  flush(): void;
  /** Releases what it holds. {@link NvmeModel.close} calls it. */
  close(): void;
}

/** A medium in memory. It starts with zeros, and takes memory only for pages that were written. */
export class MemoryStorage implements NvmeStorage {
  /** The contents, for tests that look at them directly. */
  readonly data: Uint8Array;
  /** How often {@link flush} was called. */
  flushes = 0;

  constructor(bytes: number) {
    this.data = new Uint8Array(bytes);
  }

  get bytes(): number {
    return this.data.byteLength;
  }

  read(offset: number, bytes: number): Uint8Array {
    return this.data.slice(offset, offset + bytes);
  }

  write(offset: number, data: Uint8Array): void {
    this.data.set(data, offset);
  }

  flush(): void {
    this.flushes++;
  }

  close(): void {}
}

/** A medium in an existing file. Its size stays as it was when it was opened. */
export class FileStorage implements NvmeStorage {
  readonly bytes: number;
  readonly #fd: number;

  /** Throws the error of the file system if the file cannot be opened for reading and writing. */
  constructor(path: string) {
    this.#fd = openSync(path, 'r+');
    this.bytes = fstatSync(this.#fd).size;
  }

  read(offset: number, bytes: number): Uint8Array {
    const data = new Uint8Array(bytes);
    for (let at = 0; at < bytes; ) {
      const got = readSync(this.#fd, data, at, bytes - at, offset + at);
      // The file was truncated. What is missing reads as zeros, as in a hole.
      if (got === 0) break;
      at += got;
    }
    return data;
  }

  write(offset: number, data: Uint8Array): void {
    for (let at = 0; at < data.byteLength; ) {
      at += writeSync(this.#fd, data, at, data.byteLength - at, offset + at);
    }
  }

  flush(): void {
    fsyncSync(this.#fd);
  }

  close(): void {
    closeSync(this.#fd);
  }
}
