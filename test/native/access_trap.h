// SPDX-License-Identifier: MIT
// Traps memory accesses: pages that write down each access to them. While it is armed the watched
// pages are closed: each access of this thread faults, is written down, is let through for that one
// instruction (the processor's trap flag), and finds the pages closed again. So one entry is one
// access that was executed, whatever the source code or a compiler thought of it. x86-64 only; one
// a process, as signal handlers are.
//
// What it does not see: the second access to the same range of an instruction that has two memory
// operands there (`movs` within a page), and what the kernel does in a system call.
#pragma once

#if defined(__x86_64__)

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vfio::testing {

struct TrappedAccess {
  /// As watch_accesses numbered it.
  std::uint32_t range = 0;
  /// What the processor said of the access: of a read-modify-write, that it writes.
  bool write = false;
  std::uint64_t offset = 0;
  /// The instruction and what follows it, as far as it can be read.
  std::array<std::uint8_t, 15> code{};
  std::uint8_t code_size = 0;
};

/// Watches whole pages from now on, and numbers them. They have to stay, readable and writable.
std::uint32_t watch_accesses(std::span<std::uint8_t> pages);

/// Plays a device that gets ready, until the trap is disarmed: every `nth` read at `offset` finds
/// `value` there, 32 bits wide, and the reads between find 0.
void answer_read(std::uint32_t range, std::uint64_t offset, unsigned nth, std::uint32_t value);

void arm_access_trap();

/// The accesses since it was armed, in their order. Throws when there were too many to keep.
std::vector<TrappedAccess> disarm_access_trap();

}  // namespace vfio::testing

#endif
