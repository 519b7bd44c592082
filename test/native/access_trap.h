// SPDX-License-Identifier: MIT
// Traps memory accesses: it records each access to the watched pages. While the trap is armed,
// these pages are closed. Each access of this thread faults and is recorded. The handler opens the
// pages for this one instruction (with the processor's trap flag) and closes them again. So one
// entry is one access that was executed, whatever the source code says or a compiler made of it.
// x86-64 only. There is one trap per process, because signal handlers belong to the process.
//
// The trap does not see the second access of an instruction with two memory operands in the same
// range (`movs` within a page), and the accesses of the kernel in a system call.
#pragma once

#if defined(__x86_64__)

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vfio::testing {

struct TrappedAccess {
  /// The number that watch_accesses returned.
  std::uint32_t range = 0;
  /// The kind of access that the processor reported. A read-modify-write counts as a write.
  bool write = false;
  std::uint64_t offset = 0;
  /// The bytes of the instruction and those behind it, as far as they can be read.
  std::array<std::uint8_t, 15> code{};
  std::uint8_t code_size = 0;
};

/// Watches whole pages from now on, and returns the number of the range. The pages must stay
/// mapped, readable and writable.
std::uint32_t watch_accesses(std::span<std::uint8_t> pages);

/// Plays a device that becomes ready, until the trap is disarmed: every `nth` read at `offset`
/// finds the 32-bit `value` there, and the reads in between find 0.
void answer_read(std::uint32_t range, std::uint64_t offset, unsigned nth, std::uint32_t value);

void arm_access_trap();

/// Returns the accesses since the trap was armed, in order. Throws if there were more than it can
/// keep.
std::vector<TrappedAccess> disarm_access_trap();

}  // namespace vfio::testing

#endif
