// SPDX-License-Identifier: MIT
// A thread in read() on an eventfd that gets one signal after another.
#include <sys/eventfd.h>
#include <unistd.h>

#include <thread>

#include "signals.h"
#include "twins.h"

namespace bench {

namespace {

void read_all(int eventfd, std::uint32_t cpu, std::uint64_t count) {
  pin(cpu);
  std::uint64_t raised = 0;
  for (std::uint64_t seen = 0; seen < count; seen += raised) {
    if (::read(eventfd, &raised, sizeof raised) != sizeof raised) return;
    arrived();
  }
}

}  // namespace

double reading_thread(std::uint32_t count, std::uint32_t gap, std::uint32_t reader_cpu,
                      std::uint32_t raiser_cpu) {
  const int fd = eventfd(0, EFD_CLOEXEC);
  const double start = now();
  std::thread reader([=] { read_all(fd, reader_cpu, count); });
  raise_series(fd, count, gap, raiser_cpu);
  reader.join();
  const double time = now() - start;
  end_raising();
  ::close(fd);
  return time;
}

}  // namespace bench
