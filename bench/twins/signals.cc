// SPDX-License-Identifier: MIT
#include "signals.h"

#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "twins.h"

namespace bench {

namespace {

constexpr auto kLookAgain = std::chrono::microseconds(10);

struct Series {
  std::atomic<double> sent{0};
  std::atomic<std::uint32_t> arrived{0};
  std::atomic<bool> ended{false};
  std::vector<double> latencies;
  double raisers_time = 0;  // processor time
  std::thread raiser;
};

/// Never destroyed: workers may still call while the process exits.
Series& series() {
  static Series* const only = new Series;
  return *only;
}

void signal(std::int32_t eventfd) {
  const std::uint64_t one = 1;
  if (::write(eventfd, &one, sizeof one) != sizeof one) series().ended = true;
}

template <typename Body>
void start(std::uint32_t cpu, Body body) {
  end_raising();
  series().ended = false;
  series().raiser = std::thread([cpu, body] {
    pin(cpu);
    body();
    series().raisers_time = processor_time();
  });
}

}  // namespace

double raise_series(std::int32_t eventfd, std::uint32_t count, std::uint32_t gap,
                    std::uint32_t cpu) {
  end_raising();
  series().arrived = 0;
  series().latencies.assign(count, 0);
  start(cpu, [=] {
    for (std::uint32_t i = 0; i < count && !series().ended; ++i) {
      // The gaps differ, so that they do not fall into step with a timer.
      std::this_thread::sleep_for(std::chrono::microseconds(gap + i % 7 * gap / 8));
      series().sent = now();
      signal(eventfd);
      while (series().arrived <= i && !series().ended) std::this_thread::sleep_for(kLookAgain);
    }
  });
  return 0;
}

double arrived() {
  const double time = now();
  const std::uint32_t index = series().arrived;
  if (index < series().latencies.size()) series().latencies[index] = time - series().sent;
  series().arrived = index + 1;
  return index + 1;
}

double latency(std::uint32_t index) { return series().latencies.at(index); }

double raise_storm(std::int32_t eventfd, std::uint64_t count, std::uint32_t cpu) {
  start(cpu, [=] {
    for (std::uint64_t i = 0; i < count && !series().ended; ++i) signal(eventfd);
  });
  return 0;
}

double end_raising() {
  series().ended = true;
  if (series().raiser.joinable()) series().raiser.join();
  return series().raisers_time;
}

double pin(std::uint32_t cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return sched_setaffinity(0, sizeof set, &set) == 0 ? 1 : 0;
}

}  // namespace bench
