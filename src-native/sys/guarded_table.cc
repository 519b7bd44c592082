// SPDX-License-Identifier: MIT
#include "sys/guarded_table.h"

namespace vfio::sys {

struct TableEntry {
  std::int32_t access;  // distance from this member to the instruction
  std::int32_t resume;  // distance from this member to the place to continue
};

// The linker's symbols for the two ends of the section.
extern "C" {
[[gnu::visibility("hidden")]] extern const TableEntry __start_vfio_extable[];
[[gnu::visibility("hidden")]] extern const TableEntry __stop_vfio_extable[];
}

namespace {

std::uintptr_t target(const std::int32_t& distance) {
  return reinterpret_cast<std::uintptr_t>(&distance) + static_cast<std::uintptr_t>(distance);
}

}  // namespace

// There are only some dozens of entries, so a linear search is the fastest.
std::uintptr_t resume_address(std::uintptr_t instruction) noexcept {
  for (const TableEntry* entry = __start_vfio_extable; entry != __stop_vfio_extable; ++entry) {
    if (target(entry->access) == instruction) return target(entry->resume);
  }
  return 0;
}

}  // namespace vfio::sys
