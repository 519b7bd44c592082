// SPDX-License-Identifier: MIT
// The namespaces of the model, which a test can add, resize and remove while the driver runs.
import { MemoryStorage, type NvmeStorage } from './storage.js';

/** A namespace to make. */
export interface NvmeNamespaceOptions {
  /** Its identifier, from 1 to {@link NvmeModelOptions.maxNamespaces}. Default: the lowest that is free. */
  readonly nsid?: number;
  /** The bytes of a logical block: a power of two, at least 512. Default 512. */
  readonly blockBytes?: number;
  /** Its size in logical blocks. Default: as many as fit in `storage`, or 64 MiB without one. */
  readonly blocks?: number;
  /** Its medium. Default: zeros in memory. Close it yourself if the constructor of the model throws. */
  readonly storage?: NvmeStorage;
  /** NOIOB: the boundary in blocks that a command should not cross. Default 0: none. The model does not enforce it. */
  readonly boundary?: number;
  /** MS: the metadata bytes of a block, as its format reports them. The model keeps none. Default 0. */
  readonly metadataBytes?: number;
  /** CSI: its command set, as Identify reports it. Default 0: NVM. 2 is zoned, whose commands the model lacks. */
  readonly commandSet?: number;
}

/** A namespace of the model. */
export interface NvmeModelNamespace {
  readonly nsid: number;
  readonly blockBytes: number;
  /** NSZE. {@link NvmeNamespaces.resize} changes it. */
  readonly blocks: number;
  readonly storage: NvmeStorage;
  readonly boundary: number;
  readonly metadataBytes: number;
  readonly commandSet: number;
}

const DEFAULT_BYTES = 64 * 1024 * 1024;

/** The active namespaces. Each change is announced to the driver as an asynchronous event. */
export class NvmeNamespaces {
  readonly #limit: number;
  readonly #active = new Map<number, NvmeModelNamespace>();
  readonly #changed: (nsid: number) => void;

  /** `changed` is called after each change, with the namespace. */
  constructor(limit: number, changed: (nsid: number) => void) {
    this.#limit = limit;
    this.#changed = changed;
  }

  /** NN: the highest identifier that a namespace can have. */
  get limit(): number {
    return this.#limit;
  }

  /** The identifiers of the active namespaces, in ascending order. */
  get ids(): number[] {
    return [...this.#active.keys()].sort((a, b) => a - b);
  }

  /** The active namespace with this identifier. */
  get(nsid: number): NvmeModelNamespace | undefined {
    return this.#active.get(nsid);
  }

  /** Makes a namespace. Throws a RangeError if its identifier is in use or it does not fit in its storage. */
  add(options: NvmeNamespaceOptions = {}): NvmeModelNamespace {
    const {
      nsid = this.#lowestFree(),
      blockBytes = 512,
      boundary = 0,
      metadataBytes = 0,
    } = options;
    if (!Number.isInteger(nsid) || nsid < 1 || nsid > this.#limit || this.#active.has(nsid)) {
      throw new RangeError(
        `Expected a free namespace from 1 to ${this.#limit} but received ${nsid}`,
      );
    }
    if (!Number.isInteger(Math.log2(blockBytes)) || blockBytes < 512) {
      throw new RangeError(`Expected a power of two from 512 but received ${blockBytes}`);
    }
    const bytes =
      options.storage?.bytes ?? (options.blocks ?? DEFAULT_BYTES / blockBytes) * blockBytes;
    const storage = options.storage ?? new MemoryStorage(bytes);
    const blocks = options.blocks ?? Math.floor(bytes / blockBytes);
    const commandSet = options.commandSet ?? 0;
    const made = { nsid, blockBytes, blocks, storage, boundary, metadataBytes, commandSet };
    checkSize(made);
    this.#active.set(nsid, made);
    this.#changed(nsid);
    return made;
  }

  /** Changes the size of a namespace, in blocks. It must fit in its storage. */
  resize(nsid: number, blocks: number): void {
    const resized = { ...this.#demand(nsid), blocks };
    checkSize(resized);
    this.#active.set(nsid, resized);
    this.#changed(nsid);
  }

  /** Removes a namespace: it becomes inactive. The caller owns its storage from then on. */
  remove(nsid: number): NvmeModelNamespace {
    const removed = this.#demand(nsid);
    this.#active.delete(nsid);
    this.#changed(nsid);
    return removed;
  }

  /** Closes the storage of the active namespaces, which are gone then. The driver is not told. */
  close(): void {
    const closed = [...this.#active.values()];
    this.#active.clear();
    for (const { storage } of closed) storage.close();
  }

  #demand(nsid: number): NvmeModelNamespace {
    const found = this.#active.get(nsid);
    if (found === undefined) throw new RangeError(`There is no active namespace ${nsid}`);
    return found;
  }

  #lowestFree(): number {
    let nsid = 1;
    while (this.#active.has(nsid)) nsid++;
    return nsid;
  }
}

function checkSize({ nsid, blocks, blockBytes, storage }: NvmeModelNamespace): void {
  if (Number.isInteger(blocks) && blocks >= 1 && blocks * blockBytes <= storage.bytes) return;
  const size = `${blocks} blocks of ${blockBytes} bytes`;
  throw new RangeError(
    `Namespace ${nsid} cannot have ${size}: its storage has ${storage.bytes} bytes`,
  );
}
