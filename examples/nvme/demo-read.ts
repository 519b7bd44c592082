// SPDX-License-Identifier: MIT
// The second half of `npm run demo`: reads the 64 MiB back into zeroed memory and compares.
// Needs: what demo-write.js wrote with the same seed, and root.
// Run:   node dist/examples/nvme/demo-read.js --address ADDRESS [--seed N]
// Prints `read BYTES bytes sha256=HEX`. If a byte differs, prints its position and ends with 1.
import { firstDifference, isZero, sha256 } from './demo-data.js';
import { runStep, timePieces } from './demo-step.js';

await runStep('read', async (namespace, memory, seed) => {
  if (!isZero(memory.u8)) throw new Error('The memory was not zeroed');
  const seconds = await timePieces('reading', (offset, bytes) =>
    namespace.read(offset / namespace.blockBytes, memory, offset, bytes),
  );
  const at = firstDifference(seed, memory.u8);
  if (at !== undefined) {
    const where = `byte ${at} (LBA ${Math.floor(at / namespace.blockBytes)})`;
    console.error(`demo: the data read differs from the data of seed ${seed}, first at ${where}`);
    process.exitCode = 1;
  }
  return { sha256: sha256(memory.u8), seconds };
});
