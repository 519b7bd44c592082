// SPDX-License-Identifier: MIT
// Which copy of this library a process uses. Two copies (two folders of node_modules) would have a
// registry and a SIGBUS handler each: they would fight over devices and take each other's bus
// errors for nobody's. So the first that is loaded keeps the process.
#pragma once

#include <string>

namespace vfio::sys {

/// The file this copy was loaded from.
std::string own_copy();

/// The file of the copy that has the process: this one, unless another was first. Thread-safe.
std::string claim_process();

}  // namespace vfio::sys
