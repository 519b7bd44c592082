// SPDX-License-Identifier: MIT
// Shows: the first half of `npm run demo`: writes 64 MiB, made from a seed, to the start of a namespace.
// Needs: an NVMe controller behind an IOMMU whose data may be lost, and root.
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
