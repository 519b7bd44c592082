// SPDX-License-Identifier: MIT
// Reads a list of 32-bit registers into a list of values, `turns` times.
#include "twins.h"

namespace bench {

namespace {

constexpr std::uint32_t kMost = 64;

struct Command {
  std::uint32_t offset;
  std::uint32_t value;
};

}  // namespace

double batch(std::uintptr_t address, std::uint32_t length, std::uint64_t turns) {
  static Command commands[kMost];
  const std::uint32_t count = length < kMost ? length : kMost;
  for (std::uint32_t i = 0; i < count; ++i) commands[i].offset = 4 * i;
  const double start = processor_time();
  for (std::uint64_t turn = 0; turn < turns; ++turn) {
    for (std::uint32_t i = 0; i < count; ++i) {
      commands[i].value = *at<std::uint32_t>(address + commands[i].offset);
    }
    asm volatile("" ::: "memory");  // the compiler must keep the values
  }
  return processor_time() - start;
}

}  // namespace bench
