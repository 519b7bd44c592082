// SPDX-License-Identifier: MIT
// What a case is: a few statements, and the accesses they have to make.

/**
 * The statements are source text, because each becomes a fresh function for each tier. In their scope are:
 *   bar, regs, door    our accessors: BAR 0, registers by name on it, a doorbell at 0x1000
 *   dma                a Uint32Array over a DMA buffer of ours
 *   u8 u16 u32 u64     plain typed arrays over the same BAR 0; view: a DataView, bytes: a Buffer
 *   a8 a16 a32 a64     arrays of ordinary memory, of 16 bytes at most
 *   wasm               functions of wasm.ts over a WebAssembly.Memory
 *   x                  the number of the turn; r takes a result, so that it is used
 *   wait(promise)      the turn ends when it settles
 *   print(value)       console.log, into nothing
 */
export interface Case {
  readonly name: string;
  readonly body: string;
  /** In the notation of notation.ts. */
  readonly expected: string;
  /** Words that memory holds when it is looked at, by place; the rest is 0. */
  readonly finds?: Readonly<Record<string, number>>;
  /** A register that gets ready: every third read of `at` finds `value`, the reads between 0. */
  readonly ready?: { readonly at: number; readonly value: number };
  /** Not run in a loop of its own: its loop is elsewhere, or goes on when the function has returned. */
  readonly loops?: true;
  /** Not run where there is no WebAssembly. */
  readonly wasm?: true;
}

/** The nth read of a register that gets ready. */
export const READY_AFTER = 3;

/** Something of the library, and beside it the same with a plain typed array, which --break puts in its place. */
export interface OurCase extends Case {
  readonly plain: string;
}

/** What people write without the library. */
export interface PlainCase extends Case {
  /** A part of what the doorbell's fast path stands on (lib/doorbell.ts). */
  readonly doorbell?: true;
}
