// SPDX-License-Identifier: MIT
// Target: a capability chain of any shape. The walk ends, and each capability lies within the
// buffer.
#include "vfio/capabilities.h"

#include "input.h"
#include "target.h"

namespace vfio::fuzz {

void run(Input& input) {
  const auto first = input.take<std::uint16_t>();
  const Bytes info = input.rest();
  accepted([&] {
    for (const Capability& capability : walk_capabilities(info, first)) {
      require(capability.bytes.size() >= sizeof(std::uint64_t), "a capability has its header");
      require(capability.bytes.data() >= info.data(), "a capability begins within the buffer");
      require(&capability.bytes.back() == &info.back(),
              "a capability reaches to the end of the buffer");
    }
  });
}

}  // namespace vfio::fuzz
