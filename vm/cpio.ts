// SPDX-License-Identifier: MIT
// Writes the archive format of an initramfs ("newc" cpio), so that the host needs no cpio program.

export interface CpioEntry {
  /** Path inside the archive, without a leading slash. */
  readonly path: string;
  /** File type and permissions, as in `st_mode`. */
  readonly mode: number;
  readonly data?: Buffer;
}

const FILE = 0o100000;
const DIRECTORY = 0o040000;

export function cpioFile(path: string, data: Buffer, permissions = 0o644): CpioEntry {
  return { path, mode: FILE | permissions, data };
}

/**
 * The archive of these entries, all owned by root. It adds missing parent directories, because the kernel's unpacker
 * does not create them.
 */
export function cpio(entries: readonly CpioEntry[]): Buffer {
  const parts: Buffer[] = [];
  const complete = withParents(entries);
  complete.push({ path: 'TRAILER!!!', mode: 0 });
  complete.forEach((entry, index) => {
    const data = entry.data ?? Buffer.alloc(0);
    parts.push(header(entry, index + 1, data.length), data, padding(data.length));
  });
  return Buffer.concat(parts);
}

function withParents(entries: readonly CpioEntry[]): CpioEntry[] {
  const seen = new Set(entries.map((entry) => entry.path));
  const result: CpioEntry[] = [];
  for (const entry of entries) {
    const names = entry.path.split('/');
    for (let depth = 1; depth < names.length; depth++) {
      const path = names.slice(0, depth).join('/');
      if (seen.has(path)) continue;
      seen.add(path);
      result.push({ path, mode: DIRECTORY | 0o755 });
    }
    result.push(entry);
  }
  return result;
}

function header(entry: CpioEntry, inode: number, size: number): Buffer {
  const name = Buffer.from(`${entry.path}\0`);
  const links = (entry.mode & DIRECTORY) !== 0 ? 2 : 1;
  const fields = [inode, entry.mode, 0, 0, links, 0, size, 0, 0, 0, 0, name.length, 0];
  const hex = fields.map((field) => field.toString(16).padStart(8, '0')).join('');
  const bytes = Buffer.concat([Buffer.from(`070701${hex}`), name]);
  return Buffer.concat([bytes, padding(bytes.length)]);
}

/** Names and contents are padded to four bytes. */
function padding(length: number): Buffer {
  return Buffer.alloc(-length & 3);
}
