// SPDX-License-Identifier: MIT
// The product's table: nothing stands between the library and the kernel.
#include "sys/syscalls.h"

namespace vfio::sys {

const Syscalls& syscalls() noexcept { return kernel_syscalls(); }

}  // namespace vfio::sys
