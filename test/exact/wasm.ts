// SPDX-License-Identifier: MIT
// Register accesses by WebAssembly code, over its own memory whose pages are watched.

/** The functions below, over a memory of one page. */
export interface WasmAccesses {
  readonly memory: ArrayBuffer;
  readonly functions: Readonly<Record<string, unknown>>;
}

/**
 * (module
 *   (import "m" "m" (memory 1 1))
 *   (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
 *   (func (export "test") (param i32) (result i32)
 *     (if (result i32) (i32.and (i32.load (local.get 0)) (i32.const 1))
 *       (then (i32.const 1)) (else (i32.const 0))))
 *   (func (export "atomic") (param i32) (result i32) (i32.atomic.load (local.get 0)))
 *   (func (export "store") (param i32 i32) (i32.atomic.store (local.get 0) (local.get 1))))
 */
const MODULE = [
  '0061736d 01000000',
  '010b 02 60017f017f 60027f7f00', // types
  '0209 01 016d 016d 02 010101', // the memory
  '0305 04 00 00 00 01', // functions
  '0720 04 046c6f61640000 04746573740001 0661746f6d69630002 0573746f72650003', // exports
  '0a30 04 07 00 2000 280200 0b', // load
  '12 00 2000 280200 4101 71 047f 4101 05 4100 0b 0b', // test
  '08 00 2000 fe100200 0b', // atomic
  '0a 00 2000 2001 fe170200 0b', // store
];

/** The parts of the WebAssembly API that are used. TypeScript declares it only with the browser's types. */
interface WebAssemblyApi {
  Memory: new (limits: { initial: number; maximum: number }) => { buffer: ArrayBuffer };
  Module: new (code: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { exports: Record<string, unknown> };
}

/** Returns undefined without WebAssembly, as with --jitless. */
export function wasmAccesses(): WasmAccesses | undefined {
  const { WebAssembly: api } = globalThis as unknown as { WebAssembly?: WebAssemblyApi };
  if (api === undefined) return undefined;
  const memory = new api.Memory({ initial: 1, maximum: 1 });
  const module = new api.Module(Buffer.from(MODULE.join('').replaceAll(' ', ''), 'hex'));
  const { exports } = new api.Instance(module, { m: { m: memory } });
  return { memory: memory.buffer, functions: exports };
}
