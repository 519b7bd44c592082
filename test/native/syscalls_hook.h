// SPDX-License-Identifier: MIT
// The developer build's table of system calls: counts, traces, and makes calls fail. Thread-safe.
//
// A call goes by its name ("open"), an ioctl also by its request's ("VFIO_SET_IOMMU"); an empty
// name stands for any. close and munmap, which give back what was got, fail only when named.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sys/syscalls.h"

namespace vfio::testing {

/// Forgets all counts, failures and traces, and forwards to the kernel again.
void reset_syscalls();

/// Forwards to this table, which has to stay.
void forward_syscalls_to(const sys::Syscalls& table);

/// The nth call of that name from now on, counted from 1, fails with `error`. One at a time.
void fail_syscall(unsigned nth, int error, std::string name = {});

/// Whether the call that was to fail has been made.
bool syscall_failed();

/// Calls of that name since reset_syscalls().
unsigned count_syscalls(std::string_view name);

void trace_syscalls();
/// "open /dev/vfio/vfio = 3" and so on, in the order of their returns.
std::vector<std::string> take_trace();

}  // namespace vfio::testing
