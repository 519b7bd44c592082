// SPDX-License-Identifier: MIT
// Threads of the library's own.
#pragma once

#include <functional>

namespace vfio::sys {

/// Runs `body`, which must not throw, in a thread that nobody waits for and that gets no signals of
/// the process. Throws SysError when no thread can be had.
void start_thread(std::function<void()> body);

}  // namespace vfio::sys
