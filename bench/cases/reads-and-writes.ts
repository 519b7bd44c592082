// SPDX-License-Identifier: MIT
// Register access by width and method. The methods are the library's accessors, the addon's functions without the
// library's classes, and, for comparison, typed arrays and DataView. Those are not safe for registers
// (docs/mmio-in-javascript.md).
import { loopOf, type Scope } from '../loop.js';
import { bench } from '../native.js';
import type { Result } from '../report.js';
import { type Row, resultsOf } from '../results.js';
import { type Contender, type Effort, takeTurns } from '../rounds.js';
import type { Place, Registers, Width } from './registers.js';

/** One access in the table. */
interface Access {
  readonly verb: 'read' | 'write';
  readonly width: Width;
  readonly offset: number;
}

interface Method {
  /** The end of the result's name, after `bar.read32`. The library's own method has none. */
  readonly suffix: string;
  /** The access as a JavaScript expression. */
  expression(access: Access): string;
  /** The twin: a bare Node-API call, or the same access in C++. */
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

/** Measures all methods on these registers. The names of the results begin with `prefix`. */
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

/** Views of ordinary memory, because the library never exposes its mappings as ArrayBuffers. */
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
