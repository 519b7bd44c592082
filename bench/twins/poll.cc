// SPDX-License-Identifier: MIT
// Polls a register that already has the wanted value: the cost of a wait that ends at once.
#include "twins.h"

namespace bench {

double poll(std::uintptr_t address, std::uint32_t mask, std::uint32_t value, std::uint64_t turns) {
  const volatile std::uint32_t* const status = at<std::uint32_t>(address);
  const double start = processor_time();
  for (std::uint64_t i = 0; i < turns; ++i) {
    while ((*status & mask) != value) {
    }
  }
  return processor_time() - start;
}

}  // namespace bench
