// SPDX-License-Identifier: MIT
// What the model needs of its surroundings: the driver's memory and interrupts. It is the whole of a transport.

/**
 * The driver's side of the bus, as a device reaches it. Give one to the constructor of {@link NvmeModel}. The model
 * calls it while it handles a register access, and from timers for completions that a fault delays.
 */
export interface NvmeHost {
  /** Reads the driver's memory at an IOVA. Returns undefined if any byte of it is not mapped for reading. */
  readMemory(iova: bigint, bytes: number): Uint8Array | undefined;
  /** Writes the driver's memory at an IOVA. Returns false if any byte of it is not mapped for writing. */
  writeMemory(iova: bigint, data: Uint8Array): boolean;
  /** Sends the message of a vector (MSI-X or MSI). The transport ignores it if the vector is not enabled. */
  raise(vector: number): void;
  /** Asserts or deasserts INTx. The transport ignores it if INTx is not enabled. */
  setLine?(asserted: boolean): void;
}
