// SPDX-License-Identifier: MIT
// Register access by width and method. Ours, the addon's own functions without our classes, and what JavaScript has
// for memory, which is no way to access a register (docs/mmio-in-javascript.md) and is here for comparison.
import { loopOf, type Scope } from '../loop.js';
import { bench } from '../native.js';
import type { Result } from '../report.js';
import { type Row, resultsOf } from '../results.js';
import { type Contender, type Effort, takeTurns } from '../rounds.js';
import type { Place, Registers, Width } from './registers.js';

/** One access of the table. */
interface Access {
  readonly verb: 'read' | 'write';
  readonly width: Width;
  readonly offset: number;
}

interface Method {
  /** Behind `bar.read32`; ours has none. */
  readonly suffix: string;
  /** What it does, as JavaScript. */
  expression(access: Access): string;
  /** What it is compared with: a call without anything in it, or what C++ would do. */
  readonly twin: 'call' | 'cpp';
}

const value = (width: Width) => (width === 64 ? '1n' : 'i & 0xff');

function call(name: string, { verb, width, offset }: Access, handle: readonly string[]): string {
  const written = verb === 'write' ? [value(width)] : [];
  const place = offset === 0 ? '0' : `0x${offset.toString(16)}`;
  return `${name}.${verb}${width}(${[...handle, place, ...written].join(', ')})`;
}

const ours: Method = {
  suffix: '',
  expression: (access) => call('region', access, []),
  twin: 'call',
};

const addon: Method = {
  suffix: '.addon',
  expression: (access) => call('native', access, ['handle']),
  twin: 'call',
};

const typedArray: Method = {
  suffix: '.typedArray',
  expression({ verb, width }) {
    const element = `u${width}[i & 255]`;
    return verb === 'read' ? element : `(${element} = ${value(width)})`;
  },
  twin: 'cpp',
};

const dataView: Method = {
  suffix: '.dataView',
  expression({ verb, width }) {
    const kind = width === 64 ? 'BigUint64' : `Uint${width}`;
    const offset = `(i & 255) * ${width / 8}`;
    if (verb === 'read') return `view.get${kind}(${offset}, true)`;
    return `view.set${kind}(${offset}, ${value(width)}, true)`;
  },
  twin: 'cpp',
};

/** All of it on these registers; `prefix` stands before the names. */
export async function readsAndWrites(
  registers: Registers,
  effort: Effort,
  prefix = '',
): Promise<Result[]> {
  const scope: Scope = { region: registers.region, ...registers.addon, ...memoryViews() };
  const methods = registers.addon ? [ours, addon, typedArray, dataView] : [ours];
  const contenders: Contender[] = [{ name: 'bareLoop', run: bench.bareLoop }];
  const rows: Row[] = [];
  for (const access of registers.places.flatMap(accessesAt)) {
    for (const method of methods) {
      const name = `${prefix}bar.${nameOf(access)}${method.suffix}`;
      const what = method.expression(access);
      contenders.push({ name, run: loopOf(what, scope) });
      rows.push({ name, what, ...twinOf(method, access) });
    }
    contenders.push(...twins(access, registers.address));
    rows.push(floor(access, prefix));
  }
  return resultsOf(rows, await takeTurns(contenders, effort), 'ns');
}

function accessesAt({ width, read, write }: Place): Access[] {
  const reading: Access = { verb: 'read', width, offset: read };
  if (write === undefined) return [reading];
  return [reading, { verb: 'write', width, offset: write }];
}

function nameOf({ verb, width }: Access): string {
  return `${verb}${width}`;
}

/** Memory of our own: what the addon maps cannot be had as an ArrayBuffer. */
function memoryViews(): Scope {
  const buffer = new ArrayBuffer(4096);
  return {
    u8: new Uint8Array(buffer),
    u16: new Uint16Array(buffer),
    u32: new Uint32Array(buffer),
    u64: new BigUint64Array(buffer),
    view: new DataView(buffer),
  };
}

function twins(access: Access, address: number): Contender[] {
  const { verb, width, offset } = access;
  return [
    { name: `call.${nameOf(access)}`, run: loopOf(call('bench', access, ['0']), { bench }) },
    { name: `cpp.${nameOf(access)}`, run: (turns) => bench[verb](width, address + offset, turns) },
  ];
}

function twinOf({ twin }: Method, access: Access): Pick<Row, 'twin' | 'against'> {
  const against = twin === 'call' ? 'bare Node-API call' : 'C++ volatile access';
  return { twin: `${twin}.${nameOf(access)}`, against };
}

function floor(access: Access, prefix: string): Row {
  const what = `C++ volatile ${access.verb === 'read' ? 'load' : 'store'}, ${access.width} bits`;
  const name = `${prefix}cpp.${nameOf(access)}`;
  return {
    name,
    what,
    ours: `cpp.${nameOf(access)}`,
    twin: 'bareLoop',
    against: 'C++ loop of nothing',
  };
}
