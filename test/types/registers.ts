// SPDX-License-Identifier: MIT
// What the compiler infers from a register map, and what it refuses. This file is only compiled, never run. An expected
// error that does not occur fails the type check.
import {
  type AccessTrace,
  bindRegisters,
  bindStructs,
  type Device,
  type DmaBuffer,
  defineRegisters,
  describeAll,
  type RegisterMap,
  type RegisterSpecs,
  type Registers,
  type StructArray,
  traced,
} from 'vfio';

/** Accepts only a value of exactly this type. */
function exactly<T>(): <U>(value: U & ([U, T] extends [T, U] ? unknown : never)) => void {
  return () => {};
}

const SHN = { none: 0, normal: 1, abrupt: 2 } as const;

const MAP = defineRegisters({
  CAP: {
    at: 0x00,
    width: 64,
    access: 'ro',
    fields: {
      MQES: [15, 0],
      DSTRD: [35, 32],
      LOW: [31, 0],
      LONG: [60, 28],
      WHOLE: [63, 0],
      BIT: 63,
    },
  },
  CC: {
    at: 0x14,
    doc: 'Controller Configuration',
    fields: { EN: 0, CSS: [6, 4], SHN: { bits: [15, 14], values: SHN } },
  },
  CSTS: { at: 0x1c, access: 'ro', fields: { RDY: 0, CFS: 1 } },
  NSSR: { at: 0x20, access: 'wo' },
  ACQ: { at: 0x28, width: 64 },
  ISR: { at: 0x30, access: 'rc', fields: { TX: 0, RX: 1 } },
  ISTAT: { at: 0x34, access: 'w1c', fields: { DONE: 0, FAIL: 1, MODE: { bits: 2, access: 'rw' } } },
  MIXED: {
    at: 0x38,
    fields: {
      ON: 0,
      EVENT: { bits: [2, 1], access: 'w1c' },
      BUSY: { bits: 3, access: 'ro' },
      GO: { bits: 4, access: 'wo' },
    },
  },
  PURE: { at: 0x3c, access: 'w1c' },
  BYTE: { at: 0x40, width: 8, fields: { ALL: [7, 0] } },
  SQTDBL: { at: 0x1000, access: 'wo', count: 4, stride: 8 },
  LANE: { at: 0x2000, width: 64, count: 2, fields: { UP: 0 } },
});

export function values(device: Device): void {
  const regs = bindRegisters(device.bar(0), MAP, 0x100);
  exactly<bigint>()(regs.CAP.read());
  exactly<number>()(regs.CC.read());
  exactly<number>()(regs.CC.offset);
  exactly<string>()(regs.CC.name);
  exactly<string>()(regs.CC.describe());
  exactly<number>()(regs.CSTS.RDY);
  exactly<{ RDY: number; CFS: number }>()(regs.CSTS.get());
  exactly<{ TX: number; RX: number }>()(regs.ISR.get());
  regs.CC.write(1);
  regs.ACQ.write(1n);
  regs.PURE.write(regs.PURE.read());

  // @ts-expect-error there is no such register
  regs.CCC;
  // @ts-expect-error there is no such field
  regs.CC.ENN;
  // @ts-expect-error a 32-bit value is a number
  regs.CC.write(1n);
  // @ts-expect-error a 64-bit value is a bigint
  regs.ACQ.write(1);
  // @ts-expect-error set() changes a field, an assignment does not
  regs.CC.EN = 1;
  // @ts-expect-error registers cannot be replaced
  regs.CC = bindRegisters(device.bar(2), MAP).CC;
}

export function wideRegisters(device: Device): void {
  const { CAP } = bindRegisters(device.bar(0), MAP);
  exactly<number>()(CAP.MQES);
  exactly<number>()(CAP.DSTRD);
  exactly<number>()(CAP.LOW);
  exactly<number>()(CAP.BIT);
  exactly<bigint>()(CAP.LONG);
  exactly<bigint>()(CAP.WHOLE);
  exactly<number>()(CAP.get().MQES);
  exactly<bigint>()(CAP.get().WHOLE);
  exactly<bigint>()(MAP.CAP.encode({ MQES: 1, WHOLE: 1n }));
  exactly<bigint>()(MAP.CAP.mask('MQES', 'LONG'));

  // @ts-expect-error a field of up to 32 bits is a number
  MAP.CAP.encode({ MQES: 1n });
  // @ts-expect-error a wider field is a bigint
  MAP.CAP.encode({ WHOLE: 1 });
  // @ts-expect-error the register is a bigint
  MAP.CAP.decode(1);
}

export function access(device: Device): void {
  const regs = bindRegisters(device.bar(0), MAP);
  // @ts-expect-error this is read-only
  regs.CAP.write(1n);
  // @ts-expect-error this is read-only
  regs.CSTS.set({ RDY: 1 });
  // @ts-expect-error this is write-only
  regs.NSSR.read();
  // @ts-expect-error this is write-only
  regs.NSSR.describe();
  // @ts-expect-error a read clears the register, so it has no properties that read a field
  regs.ISR.TX;
  // @ts-expect-error a read clears the register, so it has no describe()
  regs.ISR.describe();
  // @ts-expect-error a register that a read clears is read-only
  regs.ISR.write(1);
  // @ts-expect-error a register without fields has no set()
  regs.ACQ.set({});
  // @ts-expect-error a register without fields has no clear()
  regs.PURE.clear('DONE');
  // @ts-expect-error a register without fields has no get()
  regs.ACQ.get();
}

export function changes(device: Device): void {
  const { CC, ISTAT, MIXED } = bindRegisters(device.bar(0), MAP);
  CC.set({ EN: 1, SHN: SHN.normal });
  ISTAT.clear('DONE', 'FAIL');
  ISTAT.set({ MODE: 1 });
  MIXED.set({ ON: 1, GO: 1 });
  MIXED.clear('EVENT');
  exactly<number>()(MIXED.EVENT + MIXED.BUSY);
  exactly<{ ON: number; EVENT: number; BUSY: number }>()(MIXED.get());

  // @ts-expect-error there is no such field
  CC.set({ ENN: 1 });
  // @ts-expect-error a field of a 32-bit register is a number
  CC.set({ EN: 1n });
  // @ts-expect-error a field is not a boolean
  CC.set({ EN: true });
  // @ts-expect-error this register has no fields to clear
  CC.clear('EN');
  // @ts-expect-error clear() clears this field, set() does not accept it
  ISTAT.set({ DONE: 1 });
  // @ts-expect-error writing ones does not clear this field
  ISTAT.clear('MODE');
  // @ts-expect-error there is no such field
  ISTAT.clear('DON');
  // @ts-expect-error at least one field is needed
  ISTAT.clear();
  // @ts-expect-error this is write-only
  MIXED.GO;
  // @ts-expect-error this is read-only
  MIXED.set({ BUSY: 1 });
}

export function arrays(device: Device): void {
  const regs = bindRegisters(device.bar(0), MAP);
  exactly<number>()(regs.SQTDBL.count);
  regs.SQTDBL.at(3).write(7);
  exactly<bigint>()(regs.LANE.at(0).read());
  exactly<number>()(regs.LANE.at(0).UP);

  // @ts-expect-error an array has no value of its own
  regs.SQTDBL.write(7);
  // @ts-expect-error each element has the access of the map
  regs.SQTDBL.at(3).read();
  // @ts-expect-error an index is a number
  regs.SQTDBL.at('3');
  // @ts-expect-error a register is not an array
  regs.CC.at(0);
}

/** The same map has the same types over a region, over memory, and in an array of structs. */
export function structs(device: Device, memory: DmaBuffer): void {
  const one = bindRegisters(memory, MAP, 0x2000);
  exactly<Registers<typeof MAP>>()(one);
  exactly<bigint>()(one.ACQ.read());
  const ring = bindStructs(memory, MAP, { count: 4, stride: 0x4000 });
  exactly<StructArray<typeof MAP>>()(ring);
  exactly<Registers<typeof MAP>>()(ring.at(0));
  exactly<Registers<typeof MAP>>()(
    bindStructs(device.bar(0), MAP, { count: 2, stride: 0x4000, base: 0x100 }).at(0),
  );

  // @ts-expect-error structs need a stride
  bindStructs(memory, MAP, { count: 4 });
  // @ts-expect-error plain memory has no address for a device
  bindRegisters(new Uint8Array(4096), MAP);
}

export async function waits(device: Device): Promise<void> {
  const { CSTS, CAP, MIXED, LANE, ACQ, ISR, NSSR } = bindRegisters(device.bar(0), MAP);
  exactly<{ RDY: number; CFS: number }>()(await CSTS.until({ RDY: 1 }, { timeout: 500 }));
  exactly<bigint>()((await CAP.until({ WHOLE: 1n })).WHOLE);
  exactly<{ UP: number }>()(await LANE.at(1).until({ UP: 1 }, { signal: AbortSignal.abort() }));
  exactly<{ ON: number; EVENT: number; BUSY: number }>()(await MIXED.until({ BUSY: 0 }));

  // @ts-expect-error there is no such field
  CSTS.until({ RDI: 1 });
  // @ts-expect-error a wide field is a bigint
  CAP.until({ WHOLE: 1 });
  // @ts-expect-error this is write-only
  MIXED.until({ GO: 1 });
  // @ts-expect-error a register without fields has no until()
  ACQ.until({});
  // @ts-expect-error a read clears the register
  ISR.until({ TX: 1 });
  // @ts-expect-error this is write-only
  NSSR.until({});
}

export function halves(device: Device): void {
  const map = defineRegisters({
    A: { at: 4, width: 64, halves: 'lowFirst', fields: { F: [40, 0] } },
  });
  exactly<bigint>()(bindRegisters(device.bar(0), map).A.F);
  // @ts-expect-error there is no such order
  defineRegisters({ A: { at: 0, width: 64, halves: 'low' } });
}

export function tools(device: Device, memory: DmaBuffer): void {
  const log = (access: AccessTrace) => console.log(JSON.stringify(access));
  const regs = bindRegisters(traced(device.bar(0), log), MAP);
  exactly<Registers<typeof MAP>>()(regs);
  exactly<number>()(regs.CSTS.RDY);
  exactly<string>()(describeAll(regs));
  describeAll(bindRegisters(traced(memory, log), MAP));
}

export function withoutDevice(): void {
  exactly<number>()(MAP.CC.encode({ EN: 1, SHN: SHN.abrupt }));
  exactly<{ EN: number; CSS: number; SHN: number }>()(MAP.CC.decode(1));
  exactly<number>()(MAP.CC.mask('EN'));
  exactly<string>()(MAP.CC.describe(0));
  exactly<number>()(MAP.CSTS.encode({ RDY: 1 }));
  exactly<number>()(MAP.MIXED.encode({ GO: 1 }));
  exactly<number>()(MAP.CC.fields.EN.high);
  exactly<string | undefined>()(MAP.CC.doc);

  // @ts-expect-error there is no such field
  MAP.CC.encode({ ENN: 1 });
  // @ts-expect-error there is no such field
  MAP.CC.mask('ENN');
  // @ts-expect-error at least one field is needed
  MAP.CC.mask();
  // @ts-expect-error there is no such field
  MAP.CC.fields.ENN;
  // @ts-expect-error a 32-bit value is a number
  MAP.CC.describe(0n);
}

export function definitions(device: Device): void {
  // @ts-expect-error a register needs an offset
  defineRegisters({ A: {} });
  // @ts-expect-error there is no such width
  defineRegisters({ A: { at: 0, width: 24 } });
  // @ts-expect-error there is no such access
  defineRegisters({ A: { at: 0, access: 'w0c' } });
  // @ts-expect-error there is no such key
  defineRegisters({ A: { at: 0, acess: 'ro' } });
  // @ts-expect-error there is no such key in a field
  defineRegisters({ A: { at: 0, fields: { F: { bits: 0, acces: 'ro' } } } });
  // @ts-expect-error a range has two bits: the highest and the lowest
  defineRegisters({ A: { at: 0, fields: { F: [3, 2, 1] } } });
  // @ts-expect-error a read clears a whole register, not a field
  defineRegisters({ A: { at: 0, fields: { F: { bits: 0, access: 'rc' } } } });
  // @ts-expect-error a field cannot be named read, because every register has that method
  defineRegisters({ A: { at: 0, fields: { read: 0 } } });
  // @ts-expect-error a description must first go through defineRegisters()
  bindRegisters(device.bar(0), { A: { at: 0 } });
  // @ts-expect-error registers are bound to a region, not to a device
  bindRegisters(device, MAP);
}

/** A driver function can take the registers of its map. */
export function enable(regs: Registers<typeof MAP>): void {
  regs.CC.set({ EN: 1 });
  // @ts-expect-error the registers keep their types
  regs.CC.set({ ENN: 1 });
}

/** A tool that reads maps from files does not know the names at compile time. */
export function dynamic(device: Device, specs: RegisterSpecs): void {
  const map: RegisterMap = defineRegisters(specs);
  for (const [name, definition] of Object.entries(map)) {
    exactly<string>()(name);
    exactly<number | undefined>()(definition.count);
    if (definition.access === 'rc') continue;
    exactly<Record<string, number | bigint>>()(definition.decode(0));
    exactly<number | bigint>()(definition.mask(...(Object.keys(definition.fields) as [string])));
    definition.describe(definition.width === 64 ? device.bar(0).read64(definition.at) : 0);
  }
  const regs = bindRegisters(device.bar(0), map);
  const CC = regs.CC;
  if (CC !== undefined && 'read' in CC) exactly<number | bigint>()(CC.read());
}
