// SPDX-License-Identifier: MIT
// Which tests prove which promise, from the ids that their names begin with.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../vm/paths.js';
import type { Generator } from './generators.js';

/** What is promised when this goes wrong, by id: F for faults, S for threats. */
export const PROMISES: Readonly<Record<string, readonly [goesWrong: string, promise: string]>> = {
  F1: ['memory is looked at after close', 'it reads zeros, our members throw; never a crash'],
  F2: [
    'a BAR does not answer: memory decode off, D3, reset',
    '`ERR_VFIO_BUS` or `ERR_VFIO_BUSY`, and it heals by itself; a doorbell loses what is written',
  ],
  F3: [
    'the kernel wants the device back: unplug, unbind',
    'event `request` within a second; it closes by itself after a grace time',
  ],
  F4: ['the device is gone', 'event `lost`, then `ERR_VFIO_LOST` from everything'],
  F5: ['the device or its link reports an error (AER)', 'event `fault`'],
  F6: [
    'the process is killed in the middle of DMA',
    'no byte is written after its death; the next start needs no operator',
  ],
  F7: [
    'an NVMe controller fails or hangs',
    'bounded: every promise settles, a reset brings it back',
  ],
  F8: [
    'a device reaches for memory that is not mapped',
    'the IOMMU stops it; an unannounced fault fails a test',
  ],
  F9: [
    'INTx is not acknowledged',
    'masked until the handler has settled; nothing else stands still',
  ],
  F10: ['a storm of interrupts', 'one callback a turn with the count; none lost'],
  F11: [
    'a thread or the process ends with everything open',
    'descriptors, mappings and threads go with it',
  ],
  F12: [
    'memory is transferred or cloned',
    'a view stays a view, also of a thread that ended; nothing crashes',
  ],
  F13: [
    'memory from elsewhere is to be mapped',
    'no call takes an address, a Buffer or an ArrayBuffer to map',
  ],
  F14: [
    'IOVAs overlap, wrap, leave the ranges, run out',
    'refused before the kernel is asked; nothing changes',
  ],
  F15: [
    'memory, its limit, or mappings run out',
    'the error names limit, needed and locked; all of it is undone',
  ],
  F16: ['a child process is started', 'it inherits no descriptor, no register and no DMA memory'],
  F17: ['closing in any order, twice, never', 'nothing leaks; the group opens again at once'],
  F18: ['offsets and widths that do not fit', 'a RangeError before anything is accessed'],
  F19: ['numbers past 32, 53 or 64 bits', 'exact or refused, never cut'],
  F20: ['the kernel takes a minute', 'the event loop goes on; an open can be abandoned'],
  F21: ['kernel data that lies', 'bounded, checked, `ERR_VFIO_PROTOCOL`'],
  F22: ['any system call fails', 'its errno as an error; nothing leaks, nothing is half done'],
  S1: ['a PCI address from outside', 'one strict pattern, in TypeScript and in C++'],
  S2: [
    'binding races with others',
    'processes take turns; verified after, undone on failure; what is in use is refused; an interruption leaves a way back',
  ],
  S3: [
    'a program without root',
    'a node and a memory limit are all it takes: the VM tests pass so, too (`--suite vm-user`)',
  ],
  S4: ['a device without an IOMMU', 'refused'],
  S5: [
    'a group with a device in other hands',
    'refused, naming it; neighbours are never unbound in silence',
  ],
  S6: ['writes to config space', 'what the kernel keeps to itself stays as it is'],
  S7: ['a user namespace', 'no way around the limit on locked memory'],
  S8: ['root is given up after opening', 'all works on; descriptors can be passed in'],
  S9: ['the device writes nonsense', 'read once, checked, never followed'],
  S10: ['the supply chain', 'one dependency, no install script'],
};

/** Where tests are, and what their names stand behind. */
const PLACES: readonly [where: string, folder: string, end: string][] = [
  ['host', 'test/unit', '.test.ts'],
  ['host', 'test/contract', '.test.ts'],
  ['host', 'test/process', '.test.ts'],
  ['C++, under ASan', 'test/native', '_test.cc'],
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
        throw new Error(`${folder}/${file} proves ${id}, which nobody promised`);
      const names = places.get(where) ?? new Set();
      places.set(where, names.add(file.slice(0, -end.length)));
    }
  }
}
