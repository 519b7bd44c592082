// SPDX-License-Identifier: MIT
// Starts threads of the library.
#pragma once

#include <functional>

namespace vfio::sys {

/// Runs `body`, which must not throw, in a detached thread. The thread receives none of the
/// process's signals. Throws SysError if no thread can be created.
void start_thread(std::function<void()> body);

}  // namespace vfio::sys
