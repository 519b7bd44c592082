// SPDX-License-Identifier: MIT
// Which Linux this is, for what no question to the kernel tells.
#pragma once

#include <compare>

namespace vfio::sys {

/// As the kernel's own Makefile names the two: 6.11 has version 6, patch level 11.
struct KernelVersion {
  unsigned version = 0;
  unsigned patch_level = 0;
  auto operator<=>(const KernelVersion&) const = default;
};

/// Of the running kernel, by uname(2); 0.0 when its release is no version.
KernelVersion kernel_version();

}  // namespace vfio::sys
