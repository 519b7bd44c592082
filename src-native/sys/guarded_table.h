// SPDX-License-Identifier: MIT
// The exception table: the instructions that may raise SIGBUS, and where to continue after each.
// The assembler writes an entry next to each access, and the signal handler reads it.
#pragma once

#include <cstdint>

// One access. `failed` is 1 before it. After the access, `done` sets it to 0. After a bus error,
// the handler continues behind `done`, so `failed` is still 1. The path without an error thus has
// no branch. The entries hold distances from themselves, so they need no relocation in a shared
// object. "?" puts the entries into the section group of their function: when several files contain
// the same inline function, the linker keeps one copy, together with its entries.
#define VFIO_GUARDED(access, done)        \
  "1: " access "\n\t" done                \
  "\n2:\n\t"                              \
  ".pushsection vfio_extable, \"a?\"\n\t" \
  ".balign 4\n\t"                         \
  ".long 1b - ., 2b - .\n\t"              \
  ".popsection"

namespace vfio::sys {

/// Where to continue after a bus error at `instruction`, or 0 if that is not a guarded access.
/// Async-signal-safe.
std::uintptr_t resume_address(std::uintptr_t instruction) noexcept;

}  // namespace vfio::sys
