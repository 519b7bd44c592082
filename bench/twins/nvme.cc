// SPDX-License-Identifier: MIT
// Rounds of reads on the twin's queue pair: submit `depth` commands, ring, let the device complete
// them, poll.
#include "nvme_queue.h"

namespace bench {

namespace {

NvmeQueue queue;
std::uint64_t succeeded;

void done(std::uint32_t status) { succeeded += status == 0; }

}  // namespace

double nvme_open() {
  return nvme_attach(1, reinterpret_cast<std::uintptr_t>(queue.sq),
                     reinterpret_cast<std::uintptr_t>(queue.cq), NvmeQueue::kEntries);
}

double nvme_rounds(std::uint32_t depth, std::uint64_t rounds) {
  const double start = processor_time();
  for (std::uint64_t round = 0; round < rounds; ++round) {
    for (std::uint32_t i = 0; i < depth; ++i)
      queue.submit_read(0x100000 + i * 4096, 8 * i, 8, done);
    queue.ring();
    nvme_complete(1, depth);
    queue.poll();
  }
  return processor_time() - start;
}

double nvme_poll_empty(std::uint64_t turns) {
  const double start = processor_time();
  for (std::uint64_t turn = 0; turn < turns; ++turn) succeeded += queue.poll();
  return processor_time() - start;
}

}  // namespace bench
