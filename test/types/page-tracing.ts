// SPDX-License-Identifier: MIT
// Dumps and traces, as docs/registers.md shows them.
import { createWriteStream } from 'node:fs';
import {
  type AccessTrace,
  bindRegisters,
  type Device,
  describeAll,
  type RegisterMap,
  traced,
} from 'vfio';

export function watch(device: Device, map: RegisterMap): void {
  console.log(describeAll(bindRegisters(device.bar(0), map)));

  const file = createWriteStream('trace.jsonl');
  const log = (access: AccessTrace) => file.write(`${JSON.stringify(access)}\n`);
  const regs = bindRegisters(traced(device.bar(0), log), map);
  console.log(describeAll(regs)); // the same accesses again, a line of the file for each
}
