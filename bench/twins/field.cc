// SPDX-License-Identifier: MIT
// A field of a register: one load, a shift and a mask.
#include "twins.h"

namespace bench {

double field(std::uintptr_t address, std::uint64_t turns) {
  const volatile std::uint32_t* const value = at<std::uint32_t>(address);
  const double start = processor_time();
  for (std::uint64_t i = 0; i < turns; ++i) {
    const std::uint32_t bits = *value >> 8 & 0xff;
    asm volatile("" ::"r"(bits));  // the compiler must keep it
  }
  return processor_time() - start;
}

}  // namespace bench
