// SPDX-License-Identifier: MIT
// Volatile stores to a doorbell, four per turn, as in the loop that it is compared with.
#include "twins.h"

namespace bench {

double doorbell(std::uintptr_t address, std::uint64_t turns) {
  volatile std::uint32_t* const tail = at<std::uint32_t>(address);
  const double start = processor_time();
  for (std::uint64_t i = 0; i < turns; ++i) {
    *tail = static_cast<std::uint32_t>(i);
    *tail = static_cast<std::uint32_t>(i);
    *tail = static_cast<std::uint32_t>(i);
    *tail = static_cast<std::uint32_t>(i);
  }
  return processor_time() - start;
}

}  // namespace bench
