// SPDX-License-Identifier: MIT
// Guest side: tells the host about each DMA buffer of a Node program. `npm run vm` preloads it (NODE_OPTIONS).
import { subscribe } from 'node:diagnostics_channel';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { encodeBuffer, type ProgramBuffer } from './buffers.js';

const path = process.env.VFIO_VM_RESULTS;

if (path !== undefined) {
  subscribe('vfio:dma:map', (buffer) => report(path, encodeBuffer(buffer as ProgramBuffer)));
}

/** It must not change what the program does, which may be forbidden to write (Node's permission model). */
function report(results: string, line: string): void {
  try {
    const fd = openSync(results, constants.O_WRONLY);
    writeSync(fd, `${line}\n`);
    closeSync(fd);
  } catch {}
}
