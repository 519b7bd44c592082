// SPDX-License-Identifier: MIT
// The version of the running kernel, for facts that no system call reports.
#pragma once

#include <compare>

namespace vfio::sys {

/// The names are those of the kernel's Makefile: Linux 6.11 has version 6 and patch level 11.
struct KernelVersion {
  unsigned version = 0;
  unsigned patch_level = 0;
  auto operator<=>(const KernelVersion&) const = default;
};

/// The version of the running kernel, from uname(2). 0.0 if the release string has no version.
KernelVersion kernel_version();

}  // namespace vfio::sys
