// SPDX-License-Identifier: MIT
// Unpacks a kernel image on the host. Under software emulation, unpacking an xz image, such as Debian's, takes two and
// a half seconds of each boot. QEMU can also start a plain ELF kernel (PVH).
import { execFileSync } from 'node:child_process';
import { gunzipSync } from 'node:zlib';
import { requireProgram } from '../tools/run-program.js';

/** Offsets in the header of the x86 boot protocol. */
const SETUP_SECTORS = 0x1f1;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;

/** The first bytes of each compression format, and the program that unpacks it. */
const PACKINGS = [
  { magic: 'fd377a585a00', program: 'xz' },
  { magic: '28b52ffd', program: 'zstd' },
] as const;

/** The ELF note 18 of "Xen", with a descriptor of 8 or 4 bytes. It has the entry point that QEMU needs. */
const PVH_NOTES = ['040000000800000012000000', '040000000400000012000000'].map((head) =>
  Buffer.from(`${head}58656e00`, 'hex'),
);

/** The ELF kernel inside a bzImage. Undefined if it cannot be unpacked, or if QEMU could not start it. */
export function unpackKernel(image: Buffer): Buffer | undefined {
  const start = ((image[SETUP_SECTORS] ?? 0) + 1) * 512 + image.readUInt32LE(PAYLOAD_OFFSET);
  // The length counts the four bytes of the unpacked size that follow the packed data.
  const payload = image.subarray(start, start + image.readUInt32LE(PAYLOAD_LENGTH) - 4);
  const kernel = unpack(payload);
  return kernel && PVH_NOTES.some((note) => kernel.includes(note)) ? kernel : undefined;
}

function unpack(payload: Buffer): Buffer | undefined {
  const head = payload.toString('hex', 0, 8);
  if (head.startsWith('1f8b')) return gunzipSync(payload);
  const packing = PACKINGS.find(({ magic }) => head.startsWith(magic));
  if (packing === undefined) return undefined;
  return execFileSync(requireProgram(packing.program), ['-dc'], {
    input: payload,
    maxBuffer: 2 ** 30,
  });
}
