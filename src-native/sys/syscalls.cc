// SPDX-License-Identifier: MIT
// The product's table of system calls: it calls the kernel directly.
#include "sys/syscalls.h"

namespace vfio::sys {

const Syscalls& syscalls() noexcept { return kernel_syscalls(); }

}  // namespace vfio::sys
