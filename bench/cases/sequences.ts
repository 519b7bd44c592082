// SPDX-License-Identifier: MIT
// Batches, polls, doorbells and registers by name: operations that are more than one plain access.
import { bindRegisters, defineRegisters, type Region } from 'vfio';
import { awaitingLoopOf, loopOf, type Scope } from '../loop.js';
import { bench } from '../native.js';
import type { Result } from '../report.js';
import { type Row, resultsOf } from '../results.js';
import { type Contender, type Effort, takeTurns } from '../rounds.js';
import type { Registers } from './registers.js';

const batchLengths = [1, 4, 16, 64] as const;

/** A case and its twin, before they are measured in turns. */
interface Pair {
  readonly row: Row;
  readonly contenders: readonly [Contender, Contender];
}

/** Measures all these operations on these registers. */
export async function sequences(registers: Registers, effort: Effort): Promise<Result[]> {
  const pairs = [
    ...batchLengths.map((length) => batch(registers, length)),
    poll(registers),
    ...(registers.addon ? [nativePoll(registers)] : []),
    ...doorbell(registers),
    ...fields(registers),
  ];
  const samples = await takeTurns(
    pairs.flatMap(({ contenders }) => contenders),
    effort,
  );
  return resultsOf(
    pairs.map(({ row }) => row),
    samples,
    'ns',
  );
}

function batch({ region, address }: Registers, length: number): Pair {
  const commands = Array.from({ length }, (_, index) => ({ offset: 4 * index }));
  const scope = { batch: region.batch(commands) };
  return pair(`bar.batch${length}`, `region.batch(…${length} reads).run(), an access`, {
    ours: { run: loopOf('batch.run()', scope), operations: length },
    twin: { run: (turns) => bench.batch(address, length, turns), operations: length },
    against: `C++ loop over ${length} registers`,
  });
}

// The register has the expected value already, so this measures the poll itself and no waiting. A promise costs as much
// as several reads, so the twin makes one too.
function poll({ region }: Registers): Pair {
  const read = async () => region.read32(0);
  return pair('bar.poll32', 'await region.poll32(…), true at once', {
    ours: { run: awaitingLoopOf('region.poll32(0, 0, 0)', { region }) },
    twin: { run: awaitingLoopOf('read()', { read }) },
    against: 'await of an async function with one read32',
  });
}

function nativePoll({ addon, address }: Registers): Pair {
  return pair('bar.poll32.addon', 'native.poll32(…), true at once', {
    ours: { run: loopOf('native.poll32(handle, 0, 0, 0, 30)', { ...addon }) },
    twin: { run: (turns) => bench.poll(address, 0, 0, turns) },
    against: 'C++ loop until it is true',
  });
}

/** The number of stores per turn of the loop. With only one, most of the measured time would be the loop itself. */
const STORES = 4;

function doorbell({ region, address, places }: Registers): Pair[] {
  const offset = places.find(({ width }) => width === 32)?.write as number;
  const scope: Scope = { doorbell: region.doorbell(offset) };
  const write = 'doorbell.write(i & 0xff)';
  const four = `(${Array.from({ length: STORES }, () => write).join(', ')})`;
  return [
    pair('doorbell', write, {
      ours: { run: loopOf(four, scope), operations: STORES },
      twin: { run: (turns) => bench.doorbell(address + offset, turns), operations: STORES },
      against: 'C++ volatile store',
    }),
    pair('doorbell.loop', `${write}, one a turn`, {
      ours: { run: loopOf(write, scope) },
      twin: { run: (turns) => bench.write(32, address + offset, turns) },
      against: 'C++ volatile store, one a turn',
    }),
  ];
}

function fields({ region, address }: Registers): Pair[] {
  const scope: Scope = { regs: registersOf(region) };
  return [
    pair('regs.read', 'regs.STATUS.read()', {
      ours: { run: loopOf('regs.STATUS.read()', scope) },
      twin: { run: (turns) => bench.field(address, turns) },
      against: 'C++ load, shift, mask',
    }),
    pair('regs.field', 'regs.STATUS.LEVEL', {
      ours: { run: loopOf('regs.STATUS.LEVEL', scope) },
      twin: { run: loopOf('region.read32(0)', { region }) },
      against: 'region.read32(0)',
    }),
  ];
}

function registersOf(region: Region) {
  const map = defineRegisters({
    STATUS: { at: 0, access: 'ro', fields: { READY: 0, LEVEL: [15, 8] } },
  });
  return bindRegisters(region, map);
}

function pair(
  name: string,
  what: string,
  { ours, twin, against }: { ours: Unnamed; twin: Unnamed; against: string },
): Pair {
  const row = { name, what, twin: `${name} twin`, against };
  return {
    row,
    contenders: [
      { name, ...ours },
      { name: row.twin, ...twin },
    ],
  };
}

type Unnamed = Omit<Contender, 'name'>;
