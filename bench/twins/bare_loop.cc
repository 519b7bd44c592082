// SPDX-License-Identifier: MIT
// The floor of every loop: turns that do nothing, which the compiler must not remove.
#include "twins.h"

namespace bench {

double bare_loop(std::uint64_t turns) {
  const double start = processor_time();
  for (std::uint64_t i = 0; i < turns; ++i) asm volatile("");
  return processor_time() - start;
}

}  // namespace bench
