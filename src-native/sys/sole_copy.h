// SPDX-License-Identifier: MIT
// Ensures that a process uses only one copy of this library. Two copies (from two folders of
// node_modules) would each have a registry and a SIGBUS handler: both would claim the same devices,
// and neither would recognise the bus errors of the other. So the copy that is loaded first claims
// the process.
#pragma once

#include <string>

namespace vfio::sys {

/// The file this copy was loaded from.
std::string own_copy();

/// The file of the copy that has claimed the process: this one, unless another was first.
/// Thread-safe.
std::string claim_process();

}  // namespace vfio::sys
