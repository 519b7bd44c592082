// SPDX-License-Identifier: MIT
// Volatile stores to a register.
#include "twins.h"

namespace bench {

namespace {

template <typename Value>
double stores(std::uintptr_t address, std::uint64_t turns) {
  volatile Value* const value = at<Value>(address);
  const double start = processor_time();
  for (std::uint64_t i = 0; i < turns; ++i) *value = static_cast<Value>(i);
  return processor_time() - start;
}

}  // namespace

double write(std::uint32_t width, std::uintptr_t address, std::uint64_t turns) {
  switch (width) {
    case 8:
      return stores<std::uint8_t>(address, turns);
    case 16:
      return stores<std::uint16_t>(address, turns);
    case 32:
      return stores<std::uint32_t>(address, turns);
    default:
      return stores<std::uint64_t>(address, turns);
  }
}

}  // namespace bench
