// SPDX-License-Identifier: MIT
// libFuzzer's entry point, linked with one target.
#include "target.h"

// An exception table with one entry that matches nothing. No target accesses registers, and the
// linker defines no symbols for the ends of an empty section.
[[gnu::used, gnu::section("vfio_extable")]] static const std::int32_t kNoAccess[]{0, 0};

extern "C" __attribute__((visibility("default"))) int LLVMFuzzerTestOneInput(
    const std::uint8_t* data, std::size_t size) {
  vfio::fuzz::Input input(data, size);
  vfio::fuzz::run(input);
  return 0;
}
