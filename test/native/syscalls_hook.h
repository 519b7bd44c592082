// SPDX-License-Identifier: MIT
// The developer build's table of system calls: counts, traces, and makes calls fail. Thread-safe.
//
// A call goes by its name ("open"), an ioctl also by its request's ("VFIO_SET_IOMMU"), madvise also
// by its advice's ("MADV_DONTDUMP"); an empty name stands for any. A close that fails closes all
// the same, as Linux does it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "sys/syscalls.h"

namespace vfio::testing {

/// Forgets all counts, failures and traces.
void reset_syscalls();

/// Forwards to this table, which has to stay.
void forward_syscalls_to(const sys::Syscalls& table);

/// The nth call of that name from now on, counted from 1, fails with `error`. One at a time.
void fail_syscall(unsigned nth, int error, std::string name = {});

/// The name of the call that failed, "ioctl VFIO_SET_IOMMU" and so on; empty as long as none has.
std::string failed_syscall();
inline bool syscall_failed() { return !failed_syscall().empty(); }

/// Calls of that name since reset_syscalls(); of all, without one.
unsigned count_syscalls(std::string_view name = {});

/// What was mapped through the table and not yet unmapped, in bytes; nothing resets it.
std::size_t mapped_bytes();

void trace_syscalls();
/// "open /dev/vfio/vfio = 3" and so on, in the order of their returns.
std::vector<std::string> take_trace();

}  // namespace vfio::testing
