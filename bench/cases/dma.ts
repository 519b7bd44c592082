// SPDX-License-Identifier: MIT
// Mapping and unmapping DMA memory, by size. From 2 MiB on, the library asks for huge pages. The twin makes only the
// system calls. Over the memory back end there is no ioctl, so the rest is the cost that the library adds.
import type { Container } from 'vfio';
import { Samples } from '../../tools/statistics.js';
import { bench } from '../native.js';
import type { Result } from '../report.js';
import { resultOf } from '../results.js';

const KIB = 2 ** 10;
const MIB = 2 ** 20;

const sizes = [
  { name: '4k', bytes: 4 * KIB, text: '4 KiB, small page' },
  { name: '64k', bytes: 64 * KIB, text: '64 KiB, small pages' },
  { name: '2m', bytes: 2 * MIB, text: '2 MiB, huge page' },
  { name: '64m', bytes: 64 * MIB, text: '64 MiB, huge pages' },
  { name: '1g', bytes: 1024 * MIB, text: '1 GiB, huge pages' },
] as const;

type Size = (typeof sizes)[number];

/** `container` is the library's, with a device in it. `twin` is the twin's container, or -1 for none. */
export function dmaMaps(container: Container, twin: number, rounds: number): Result[] {
  return sizes.flatMap((size) => measure(container, twin, size, rounds));
}

function measure(container: Container, twin: number, size: Size, rounds: number): Result[] {
  const samples = { map: new Samples(), unmap: new Samples() };
  const bare = { map: new Samples(), unmap: new Samples() };
  for (let round = -1; round < rounds; round++) {
    // The two take turns at being first, because the second may get the memory that the first has just freed.
    const before = round % 2 === 0 ? mapBare(twin, size.bytes) : undefined;
    const mine = mapOnce(container, size.bytes);
    const its = before ?? mapBare(twin, size.bytes);
    if (round < 0) continue; // the first round warms up
    for (const what of ['map', 'unmap'] as const) {
      samples[what].record(mine[what] / 1000);
      bare[what].record(its[what] / 1000);
    }
  }
  const ioctl = twin < 0 ? '' : ', ioctl';
  return [
    resultOf(head('map', 'allocDma', size), samples.map, {
      what: `C++ mmap, madvise${ioctl}`,
      samples: bare.map,
    }),
    resultOf(head('unmap', 'close', size), samples.unmap, {
      what: `C++ munmap${ioctl}`,
      samples: bare.unmap,
    }),
  ];
}

function head(kind: 'map' | 'unmap', call: string, { name, text }: Size) {
  return { name: `dma.${kind}${name}`, what: `${call}, ${text}`, unit: 'µs' } as const;
}

function mapOnce(container: Container, bytes: number): { map: number; unmap: number } {
  const start = bench.processorTime();
  const buffer = container.allocDma(bytes);
  const mapped = bench.processorTime();
  buffer.close();
  return { map: mapped - start, unmap: bench.processorTime() - mapped };
}

function mapBare(container: number, bytes: number): { map: number; unmap: number } {
  const map = bench.mapDma(container, bytes);
  if (map < 0) throw new Error(`VFIO_IOMMU_MAP_DMA of ${bytes} bytes failed in the twin`);
  return { map, unmap: bench.unmapDma() };
}
