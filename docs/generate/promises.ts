// SPDX-License-Identifier: MIT
// The tables of docs/reliability.md: which tests prove which promise, by the ids in their names.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../tools/paths.js';
import type { Generator } from './generator.js';

/** The things that can go wrong and what the library then promises, by id: F for faults, S for threats. */
export const PROMISES: Readonly<Record<string, readonly [goesWrong: string, promise: string]>> = {
  F1: [
    'your program reads memory after it was closed',
    'views become ordinary memory that begins as zeros, and methods throw; nothing crashes',
  ],
  F2: [
    'a BAR does not answer: memory decode off, D3, reset',
    'the access throws `ERR_VFIO_BUS` or `ERR_VFIO_BUSY`, and works again when the device does; writes to a doorbell or an `inexactView` are lost',
  ],
  F3: [
    'the kernel wants the device back: unplug, unbind',
    'the device emits `request` within a second, and the library closes it after a grace period, or at once without a listener',
  ],
  F4: [
    'the device is gone',
    'the device emits `lost`; after that, every call throws `ERR_VFIO_LOST`',
  ],
  F5: ['the device or its link reports an error (AER)', 'the device emits `fault`'],
  F6: [
    'the process is killed during DMA',
    'the device writes no byte after the process has ended; the next start needs no manual repair',
  ],
  F7: [
    'an NVMe controller fails or hangs',
    'every promise of the example driver settles within a time limit, and a reset recovers the controller',
  ],
  F8: [
    'a device accesses memory that is not mapped',
    'the IOMMU blocks the access; in our tests, an unexpected IOMMU fault fails the test',
  ],
  F9: [
    'a driver does not acknowledge INTx',
    'INTx stays masked until the handler has settled; the rest of the program keeps running',
  ],
  F10: [
    'a device raises a storm of interrupts',
    'the listener is called once per turn of the event loop, with the count; no interrupt is lost',
  ],
  F11: [
    'a thread or the process ends with everything open',
    'its descriptors, mappings and threads are released',
  ],
  F12: [
    'an ArrayBuffer of DMA memory is transferred or cloned',
    'it stays valid, even after its thread has ended; nothing crashes',
  ],
  F13: [
    'a program tries to map memory that the library did not allocate',
    'no call accepts an address, a Buffer or an ArrayBuffer to map',
  ],
  F14: [
    'IOVAs overlap, wrap around, lie outside the valid ranges, or run out',
    'the library refuses the request before it calls the kernel; nothing changes',
  ],
  F15: [
    'memory, the memlock limit, or mappings run out',
    'the error says how much is needed, locked and allowed; the allocation is undone completely',
  ],
  F16: [
    'the program starts a child process',
    'the child inherits no descriptor, no register and no DMA memory',
  ],
  F17: [
    'a program closes objects in any order, twice, or never',
    'nothing leaks; the group can be opened again at once',
  ],
  F18: [
    'an offset or width does not fit the region',
    'the call throws a RangeError before it accesses anything',
  ],
  F19: ['a number exceeds 32, 53 or 64 bits', 'it is used exactly or refused, never truncated'],
  F20: [
    'a kernel call takes a minute',
    'the event loop keeps running; a pending open can be abandoned',
  ],
  F21: [
    'data from the kernel or the device is malformed',
    'it is bounds-checked; the call throws `ERR_VFIO_PROTOCOL`',
  ],
  F22: [
    'any system call fails',
    'the call throws an error with its errno; nothing leaks, and nothing stays half done',
  ],
  S1: [
    'a PCI address comes from untrusted input',
    'one strict pattern checks it, in TypeScript and in C++',
  ],
  S2: [
    'programs bind the same device at the same time',
    'processes take turns; each binding is verified, and undone if it fails; a device in use is refused; an interrupted binding can be undone later',
  ],
  S3: [
    'a program runs without root',
    'it needs only the group node and a memlock limit; the VM tests pass this way too (`--suite vm-user`)',
  ],
  S4: ['no IOMMU isolates the device', 'the library refuses to open it'],
  S5: [
    'another device of the group is bound to a kernel driver',
    'the open is refused, and the error names that device; the library never unbinds other devices on its own',
  ],
  S6: ['a program writes to config space', 'the fields that the kernel protects do not change'],
  S7: ['a program runs in a user namespace', 'it cannot get around the limit on locked memory'],
  S8: [
    'a program gives up root after opening its devices',
    'everything keeps working; a parent process can also pass in descriptors',
  ],
  S9: [
    'the device writes nonsense to memory',
    'the example driver reads each value once and checks it before use',
  ],
  S10: ['the supply chain is attacked', 'the package has one dependency and no install script'],
};

/** The folders of the tests, and how their file names end. */
const PLACES: readonly [where: string, folder: string, end: string][] = [
  ['host', 'test/unit', '.test.ts'],
  ['host', 'test/memory', '.test.ts'],
  ['host', 'test/process', '.test.ts'],
  ['C++, under ASan', 'test/native', '_test.cc'],
  ['VM', 'test/contract', '.test.ts'],
  ['VM', 'test/vm', '.test.ts'],
  ['VM', 'test/hotplug', '.test.ts'],
  ['VM without an IOMMU', 'test/no-iommu', '.test.ts'],
  ['soak', 'test/soak', '.ts'],
];

export const promises: Generator = {
  measured: false,
  markdown() {
    const found = new Map(Object.keys(PROMISES).map((id) => [id, new Map<string, Set<string>>()]));
    for (const [where, folder, end] of PLACES) collect(found, where, folder, end);
    const rows = Object.entries(PROMISES).map(([id, [wrong, promise]]) => {
      const files = [...(found.get(id) ?? [])].map(
        ([where, names]) => `${where}: ${[...names].join(', ')}`,
      );
      return `| ${id} | ${wrong} | ${promise} | ${files.join('; ')} |`;
    });
    return [
      '| id | what goes wrong | promise | tests |',
      '| --- | --- | --- | --- |',
      ...rows,
    ].join('\n');
  },
};

function collect(
  found: Map<string, Map<string, Set<string>>>,
  where: string,
  folder: string,
  end: string,
): void {
  for (const file of readdirSync(join(projectRoot, folder)).sort()) {
    if (!file.endsWith(end)) continue;
    const text = readFileSync(join(projectRoot, folder, file), 'utf8');
    for (const [, id = ''] of text.matchAll(/['"`]([FS]\d+)\/ /g)) {
      const places = found.get(id);
      if (places === undefined)
        throw new Error(
          `${folder}/${file} has a test of the promise ${id}, which docs/generate/promises.ts does not list`,
        );
      const names = places.get(where) ?? new Set();
      places.set(where, names.add(file.slice(0, -end.length)));
    }
  }
}
