// SPDX-License-Identifier: MIT
// The developer build's table of system calls: it counts and traces calls and makes them fail.
// Thread-safe.
//
// A call is identified by its name ("open"). An ioctl is also identified by the name of its request
// ("VFIO_SET_IOMMU"), and madvise by its advice ("MADV_DONTDUMP"). An empty name stands for any
// call. A close that fails closes the descriptor nevertheless, as on Linux.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "sys/syscalls.h"

namespace vfio::testing {

/// Forgets all counts, failures and traces.
void reset_syscalls();

/// Forwards to this table, which must stay valid.
void forward_syscalls_to(const sys::Syscalls& table);

/// From now on, the nth call of that name (counted from 1) fails with `error`. Only one failure can
/// be planned at a time.
void fail_syscall(unsigned nth, int error, std::string name = {});

/// The name of the call that failed, such as "ioctl VFIO_SET_IOMMU". Empty until one has failed.
std::string failed_syscall();
inline bool syscall_failed() { return !failed_syscall().empty(); }

/// The number of calls of that name since reset_syscalls(), or of all calls if the name is empty.
unsigned count_syscalls(std::string_view name = {});

/// The number of bytes that were mapped through the table and not unmapped yet. Nothing resets it.
std::size_t mapped_bytes();

void trace_syscalls();
/// Lines such as "open /dev/vfio/vfio = 3", in the order in which the calls returned.
std::vector<std::string> take_trace();

}  // namespace vfio::testing
