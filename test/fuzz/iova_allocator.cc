// SPDX-License-Identifier: MIT
// Target: steps of the IOVA allocator, chosen by the input and compared with a model.
#include "iova_model.h"
#include "target.h"

namespace vfio::fuzz {

void run(Input& input) {
  testing::IovaModel model(
      [&](std::uint64_t below) { return input.take<std::uint16_t>() % below; });
  while (!input.empty()) require(model.step(), model.last_step());
}

}  // namespace vfio::fuzz
