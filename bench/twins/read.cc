// SPDX-License-Identifier: MIT
// Volatile loads of a register.
#include "twins.h"

namespace bench {

namespace {

template <typename Value>
double loads(std::uintptr_t address, std::uint64_t turns) {
  const volatile Value* const value = at<Value>(address);
  const double start = processor_time();
  for (std::uint64_t i = 0; i < turns; ++i) static_cast<void>(*value);
  return processor_time() - start;
}

}  // namespace

double read(std::uint32_t width, std::uintptr_t address, std::uint64_t turns) {
  switch (width) {
    case 8:
      return loads<std::uint8_t>(address, turns);
    case 16:
      return loads<std::uint16_t>(address, turns);
    case 32:
      return loads<std::uint32_t>(address, turns);
    default:
      return loads<std::uint64_t>(address, turns);
  }
}

}  // namespace bench
