// SPDX-License-Identifier: MIT
// The first half of `npm run demo`: 64 MiB from a seed, written to the start of a namespace.
// Needs: an NVMe controller whose content may be lost, behind an IOMMU, and root.
// Run:   node dist/examples/nvme/demo-write.js --address ADDRESS [--seed N]
// Prints the controller's identity and `wrote BYTES bytes sha256=HEX`.
import { DEMO_BYTES, seededPieces, sha256 } from './demo-data.js';
import { reportProgress } from './demo-report.js';
import { runStep, timePieces } from './demo-step.js';

await runStep('write', async (namespace, memory, seed) => {
  let at = 0;
  for (const piece of seededPieces(seed)) {
    memory.copyFrom(piece, at);
    at += piece.length;
    reportProgress({ doing: 'made', done: at, total: DEMO_BYTES });
  }
  const hash = sha256(memory.u8);
  const start = performance.now();
  await timePieces('writing', (offset, bytes) =>
    namespace.write(offset / namespace.blockBytes, memory, offset, bytes),
  );
  // Without a flush, the data may still be in a cache of the controller.
  await namespace.flush();
  return { sha256: hash, seconds: (performance.now() - start) / 1000 };
});
