// SPDX-License-Identifier: MIT
// Loads and stores of device memory that survive a bus error. Each one is exactly one instruction
// of its width. A table lists that instruction and the place to continue if it raises SIGBUS
// (memory decode off, D3, reset, removal). The mapping is not changed, and works again when the
// device does.
//
// On arm64, `dmb oshst` comes before a store and `dmb oshld` after a load, as in the kernel's
// writel and readl. x86-64 keeps that order without a barrier, so there the code only restrains the
// compiler.
//
// The functions are always inlined: in a batch, a call would cost as much as the access.
#pragma once

#include <bit>
#include <cstdint>

#include "sys/guarded_table.h"

static_assert(sizeof(void*) == 8 && std::endian::native == std::endian::little,
              "Device memory is accessed as 64-bit little-endian hosts do it");

namespace vfio::sys {

/// Installs the process's SIGBUS handler, or installs it again if other code replaced it. A SIGBUS
/// that no guarded and no direct access caused goes to the previous handler. Called before each
/// mapping of a region.
void install_bus_error_handler();

// guarded_load(address, value) and guarded_store(address, value), for 8, 16, 32 and 64 bits. They
// return false after a bus error, and then leave `value` unchanged.

#if defined(__x86_64__)

// The width of `mov` follows from the name of the register.
template <typename T>
[[nodiscard, gnu::always_inline]] inline bool guarded_load(const volatile T* address,
                                                           T& value) noexcept {
  T loaded;
  unsigned failed = 1;
  asm volatile(VFIO_GUARDED("mov %[from], %[to]", "xor %[failed], %[failed]")
               : [to] "=q"(loaded), [failed] "+&r"(failed)
               : [from] "m"(*address)
               : "cc", "memory");
  if (failed == 0) value = loaded;
  return failed == 0;
}

template <typename T>
[[nodiscard, gnu::always_inline]] inline bool guarded_store(volatile T* address, T value) noexcept {
  unsigned failed = 1;
  asm volatile(VFIO_GUARDED("mov %[from], %[to]", "xor %[failed], %[failed]")
               : [to] "=m"(*address), [failed] "+&r"(failed)
               : [from] "q"(value)
               : "cc", "memory");
  return failed == 0;
}

#elif defined(__aarch64__)

// Here the width follows from the mnemonic. "Q" is a memory operand addressed by one register
// without an offset, which every form of the instruction takes.
#define VFIO_GUARDED_ACCESS(T, ldr, str)                                                 \
  [[nodiscard, gnu::always_inline]] inline bool guarded_load(const volatile T* address,  \
                                                             T& value) noexcept {        \
    T loaded;                                                                            \
    unsigned failed = 1;                                                                 \
    asm volatile(VFIO_GUARDED(ldr "[to], %[from]\n\tdmb oshld", "mov %w[failed], #0")    \
                 : [to] "=r"(loaded), [failed] "+&r"(failed)                             \
                 : [from] "Q"(*address)                                                  \
                 : "memory");                                                            \
    if (failed == 0) value = loaded;                                                     \
    return failed == 0;                                                                  \
  }                                                                                      \
  [[nodiscard, gnu::always_inline]] inline bool guarded_store(volatile T* address,       \
                                                              T value) noexcept {        \
    unsigned failed = 1;                                                                 \
    asm volatile("dmb oshst\n\t" VFIO_GUARDED(str "[from], %[to]", "mov %w[failed], #0") \
                 : [to] "=Q"(*address), [failed] "+&r"(failed)                           \
                 : [from] "r"(value)                                                     \
                 : "memory");                                                            \
    return failed == 0;                                                                  \
  }

VFIO_GUARDED_ACCESS(std::uint8_t, "ldrb %w", "strb %w")
VFIO_GUARDED_ACCESS(std::uint16_t, "ldrh %w", "strh %w")
VFIO_GUARDED_ACCESS(std::uint32_t, "ldr %w", "str %w")
VFIO_GUARDED_ACCESS(std::uint64_t, "ldr %x", "str %x")

#undef VFIO_GUARDED_ACCESS

#else
#error "Guarded accesses are written for x86-64 and arm64"
#endif

}  // namespace vfio::sys
