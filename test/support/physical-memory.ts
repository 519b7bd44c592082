// SPDX-License-Identifier: MIT
// Finds the physical address behind an IOVA, through the tables of the IOMMU. It reads the tables as the IOMMU does
// (Intel VT-d, legacy mode: 3.4, 3.7, 9.1, 9.3, 9.8). A test can watch memory at its physical address even after the
// process that mapped it has ended.
import type { VmDevice } from '../../vm/devices.js';
import { readMemory } from '../../vm/host.js';

/** The address of the registers of QEMU's IOMMU. */
const IOMMU = 0xfed9_0000;
const ROOT_TABLE_ADDRESS = 0x20;
const ENTRY_BYTES = 16;
const PAGE_BITS = 12;
/** Each page table has 512 entries. */
const LEVEL_BITS = 9;

/** Returns the physical address behind an IOVA, which must be mapped by a 4 KiB page. */
export async function physicalAddress(device: VmDevice, iova: bigint): Promise<number> {
  const [bus, slotAndFunction] = routing(device);
  const contexts = frame(await readWord(IOMMU + ROOT_TABLE_ADDRESS)) + bus * ENTRY_BYTES;
  const context = present(await readWord(contexts)) + slotAndFunction * ENTRY_BYTES;
  let table = present(await readWord(context));
  const width = Number((await readWord(context + 8)) & 7n);
  for (let level = width + 2; level > 0; level--) {
    const index = Number(iova >> BigInt(PAGE_BITS + LEVEL_BITS * (level - 1))) % 2 ** LEVEL_BITS;
    table = present(await readWord(table + index * 8));
  }
  return table + Number(iova % 2n ** BigInt(PAGE_BITS));
}

/** The two halves of a device's requester ID. */
function routing({ address }: VmDevice): [number, number] {
  const [, bus = '', slot = '', fn = ''] = /^0000:(..):(..)\.(.)$/.exec(address) ?? [];
  return [Number.parseInt(bus, 16), Number.parseInt(slot, 16) * 8 + Number(fn)];
}

async function readWord(address: number): Promise<bigint> {
  return (await readMemory(address, 8)).readBigUInt64LE();
}

/** The address that a table entry points at. */
function present(entry: bigint): number {
  if ((entry & 3n) === 0n) throw new Error('the IOMMU maps nothing at this address');
  return frame(entry);
}

function frame(entry: bigint): number {
  return Number(entry & 0xf_ffff_ffff_f000n);
}
