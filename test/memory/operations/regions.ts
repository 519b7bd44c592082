// SPDX-License-Identifier: MIT
// The operations of regions: an access makes no system call in a mapped region, and one in any other region.
import {
  bindRegisters,
  bindStructs,
  defineRegisters,
  describeAll,
  type Region,
  type RegisterSpace,
  traced,
} from '../../../lib/index.js';
import { busError, type Operations, type Quiet, type Scenario } from './scenario.js';
import { page, type Scene } from './scene.js';

/** An access to a region that is mapped, and to one that is not. */
function access(run: (region: Region) => unknown): [Quiet, Scenario] {
  return [
    ({ bar }) => run(bar),
    { on: 'of a region that is not mapped', run: ({ plain }) => run(plain), codes: busError },
  ];
}

/** The same for an access through an object that is made from the region first. */
function through<T>(make: (region: Region) => T, run: (made: T) => unknown): [Quiet, Scenario] {
  return access((region) => run(make(region)));
}

const map = defineRegisters({
  A: { at: 0x10, fields: { LOW: [7, 0], SEEN: { bits: 8, access: 'w1c' } } },
  B: { at: 0x20, count: 2, stride: 4 },
});
const registers = (region: RegisterSpace) => bindRegisters(region, map);
const structs = (region: Region) => bindStructs(region, map, { count: 2, stride: 0x40 });

export const regionOperations: Operations = {
  'Region.address': ({ bar }) => bar.address,
  'Region.read8': access((region) => region.read8(1)),
  'Region.read16': access((region) => region.read16(2)),
  'Region.read32': access((region) => region.read32(4)),
  'Region.read64': access((region) => region.read64(8)),
  'Region.read64LowFirst': access((region) => region.read64LowFirst(8)),
  'Region.read64HighFirst': access((region) => region.read64HighFirst(8)),
  'Region.readArray': access((region) => region.readArray(8, new Uint32Array(3))),
  'Region.poll32': access((region) => region.poll32(8, 0, 0)),
  'Region.write8': access((region) => region.write8(1, 1)),
  'Region.write16': access((region) => region.write16(2, 1)),
  'Region.write32': access((region) => region.write32(4, 1)),
  'Region.write32Flush': access((region) => region.write32Flush(4, 1)),
  'Region.write64': access((region) => region.write64(8, 1n)),
  'Region.write64LowFirst': access((region) => region.write64LowFirst(8, 1n)),
  'Region.write64HighFirst': access((region) => region.write64HighFirst(8, 1n)),
  'Region.writeArray': access((region) => region.writeArray(8, Uint32Array.of(1, 2, 3))),
  'Region.batch': access((region) => region.batch([{ offset: 0 }])).slice(0, 1),
  'Region.doorbell': [{ run: ({ bar }) => bar.doorbell(8) }, ({ plain }) => plain.doorbell(8)],
  'Region.inexactView': { run: ({ device }) => device.bar(2).inexactView(0, page) },
  'Doorbell.write': [
    {
      on: 'of a register that is not mapped',
      run: ({ plain }) => plain.doorbell(8).write(1),
      codes: busError,
    },
  ],
  'Doorbell.offset': ({ plain }) => plain.doorbell(8).offset,
  'Batch.run': through(
    (region) => region.batch([{ offset: 0 }, { offset: 4, write: 1 }, { offset: 8, width: 64 }]),
    (batch) => batch.run(),
  ),
  'Batch.value': ({ bar }) => bar.batch([{ offset: 0 }]).value(0),
  'Batch.value64': ({ bar }) => bar.batch([{ offset: 0 }]).value64(0),

  bindRegisters: ({ plain }: Scene) => registers(plain),
  bindStructs: ({ plain }: Scene) => structs(plain),
  'StructArray.at': ({ plain }) => structs(plain).at(1),
  describeAll: through(registers, describeAll),
  traced: through(
    (region) => registers(traced(region, () => {})),
    ({ A }) => A.read(),
  ),
  defineRegisters: () => defineRegisters({ A: { at: 0 } }),
  'Readable.read': through(registers, ({ A }) => A.read()),
  'Writable.write': through(registers, ({ A }) => A.write(1)),
  'Gettable.get': through(registers, ({ A }) => A.get()),
  'Settable.set': through(registers, ({ A }) => A.set({ LOW: 1 })),
  'Clearable.clear': through(registers, ({ A }) => A.clear('SEEN')),
  'Awaitable.until': through(registers, ({ A }) => A.until({ LOW: 0 })),
  'Describable.describe': through(registers, ({ A }) => A.describe()),
  'RegisterArray.at': ({ plain }) => registers(plain).B.at(1),
  'RegisterDefinition.encode': () => map.A.encode({ LOW: 1 }),
  'RegisterDefinition.decode': () => map.A.decode(1),
  'RegisterDefinition.mask': () => map.A.mask('LOW'),
  'RegisterDefinition.describe': () => map.A.describe(1),
};
