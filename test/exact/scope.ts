// SPDX-License-Identifier: MIT
// The variables that the statements of a case can use, on a memory device whose pages are watched.
import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { bindRegisters, defineRegisters, openDevice } from '../../lib/index.js';
import { type AccessTrap, accessTrap, useMachine } from '../../tools/testing-addon.js';
import type { Page } from './notation.js';
import { wasmAccesses } from './wasm.js';

const ADDRESS = '0000:00:01.0';
const BAR_BYTES = 0x4000;
/** At the start of a page, because the library maps a page for the doorbell alone. */
const DOORBELL = 0x1000;

const REGISTERS = defineRegisters({
  CTRL: { at: 0x40, fields: { EN: 0, MODE: [3, 1] } },
  STATUS: { at: 0x44, access: 'w1c', fields: { ERROR: 0, DONE: 1 } },
  MIXED: { at: 0x48, fields: { GO: 0, ERROR: { bits: 4, access: 'w1c' } } },
  CAP: { at: 0x50, width: 64, access: 'ro', fields: { SIZE: [39, 32] } },
  HALVES: { at: 0x60, width: 64, halves: 'highFirst' },
  READY: { at: 0, access: 'ro', fields: { NOW: 0 } },
});

const DESCRIPTOR = defineRegisters({
  ADDRESS: { at: 0, width: 64 },
  LENGTH: { at: 8, width: 16 },
  KIND: { at: 10, width: 8 },
  STATUS: { at: 12, fields: { DONE: 0 } },
});

export interface Scope {
  readonly trap: AccessTrap;
  /** The page and offset of each range, in the order in which the trap numbers them. */
  readonly ranges: readonly { readonly page: Page; readonly base: number }[];
  /** Every watched page as words. Write to it only while the trap is not armed. */
  readonly pages: Readonly<Record<Page, Uint32Array>>;
  readonly variables: Readonly<Record<string, unknown>>;
  /** Settles when everything that the case passed to `wait` has settled. */
  settle(): Promise<void>;
}

export async function makeScope(): Promise<Scope> {
  const trap = accessTrap();
  if (trap === undefined) throw new Error('The access trap works on x86-64 only');
  useMachine({ address: ADDRESS, bars: [{ size: BAR_BYTES }] });
  const device = await openDevice(ADDRESS);
  const bar = device.bar(0);
  const buffer = device.allocDma(0x1000);
  const dma = buffer.u32;
  const memory = trap.window(ADDRESS, 0);
  const door = bar.doorbell(DOORBELL);
  trap.watch(memory);
  trap.watch(dma.buffer);
  trap.watch(trap.directPages(ADDRESS, 0, DOORBELL));
  const wasm = wasmAccesses();
  if (wasm !== undefined) trap.watch(wasm.memory);
  const waiting: Promise<unknown>[] = [];
  return {
    trap,
    ranges: [
      { page: 'bar', base: 0 },
      { page: 'dma', base: 0 },
      { page: 'bar', base: DOORBELL },
      { page: 'wasm', base: 0 },
    ],
    pages: {
      bar: new Uint32Array(memory),
      dma,
      wasm: new Uint32Array(wasm?.memory ?? new ArrayBuffer(0)),
    },
    variables: {
      bar,
      regs: bindRegisters(bar, REGISTERS),
      door,
      dma,
      dma16: buffer.u16,
      desc: bindRegisters(buffer, DESCRIPTOR),
      u8: new Uint8Array(memory),
      u16: new Uint16Array(memory),
      u32: new Uint32Array(memory),
      u64: new BigUint64Array(memory),
      view: new DataView(memory),
      bytes: Buffer.from(memory),
      a8: new Uint8Array(4),
      a16: new Uint16Array(4),
      a32: new Uint32Array(4),
      a64: new BigUint64Array(2),
      wasm: wasm?.functions,
      wait: (promise: Promise<unknown>) => void waiting.push(promise),
      print: printer(),
      restart: () => trap.arm(),
    },
    settle: async () => void (await Promise.all(waiting.splice(0))),
  };
}

/** A console.log whose output is discarded. */
function printer(): (value: unknown) => void {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const console = new Console(nowhere);
  return (value) => console.log(value);
}
