// SPDX-License-Identifier: MIT
// The types of a case: a few statements, and the accesses that they must make.

/**
 * The statements are source text, because each tier compiles them into a new function. They can use:
 *   bar, regs, door    the library's accessors: BAR 0, registers by name on it, a doorbell at 0x1000
 *   dma, dma16, desc   a Uint32Array and a Uint16Array over a DMA buffer of the library, and a struct at its start
 *   u8 u16 u32 u64     plain typed arrays over the same BAR 0; view: a DataView, bytes: a Buffer
 *   a8 a16 a32 a64     arrays of ordinary memory, of at most 16 bytes
 *   wasm               functions of wasm.ts over a WebAssembly.Memory
 *   x                  the number of the run
 *   r                  takes a result, so that the result is used
 *   wait(promise)      the run ends only when the promise has settled
 *   print(value)       console.log, whose output is discarded
 */
export interface Case {
  readonly name: string;
  readonly body: string;
  /** The expected accesses, in the notation of notation.ts. */
  readonly expected: string;
  /** The words that memory holds in the run that counts, by place. All other words are 0. */
  readonly finds?: Readonly<Record<string, number>>;
  /** A register that becomes ready: every third read of `at` returns `value`, the other reads return 0. */
  readonly ready?: { readonly at: number; readonly value: number };
  /**
   * The case is not run in the tier `osr`: its loop is not in the function, or goes on after the function has returned.
   */
  readonly loops?: true;
  /** The case is not run without WebAssembly. */
  readonly wasm?: true;
}

/** A register becomes ready at this read. */
export const READY_AFTER = 3;

/** A case of the library. `--break` replaces its body with `plain`, the same access with a plain typed array. */
export interface OurCase extends Case {
  readonly plain: string;
}

/** A case that people write without the library. */
export interface PlainCase extends Case {
  /** The fast path of doorbells depends on this case (lib/doorbell.ts). */
  readonly doorbell?: true;
}
