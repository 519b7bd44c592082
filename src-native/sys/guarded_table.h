// SPDX-License-Identifier: MIT
// The exception table: which instructions may raise SIGBUS, and where to go on when one does.
// Written by the assembler next to each access, read by the signal handler.
#pragma once

#include <cstdint>

// One access. `failed` is 1 before; `done` sets it to 0 behind the access. A bus error goes on
// behind that, with the 1 still there, so the way without an error has no branch. The entries hold
// distances from themselves and so need no relocation in a shared object.
// "?": of a function that several files have in line the linker keeps one, and its entries.
#define VFIO_GUARDED(access, done)        \
  "1: " access "\n\t" done                \
  "\n2:\n\t"                              \
  ".pushsection vfio_extable, \"a?\"\n\t" \
  ".balign 4\n\t"                         \
  ".long 1b - ., 2b - .\n\t"              \
  ".popsection"

namespace vfio::sys {

/// Where to go on after a bus error at `instruction`; 0 when that is no guarded access.
/// Async-signal-safe.
std::uintptr_t resume_address(std::uintptr_t instruction) noexcept;

}  // namespace vfio::sys
