// SPDX-License-Identifier: MIT
#include "sys/guarded.h"

#include <bit>

#include "sys/guarded_table.h"

static_assert(sizeof(void*) == 8 && std::endian::native == std::endian::little,
              "Device memory is accessed as 64-bit little-endian hosts do it");

namespace vfio::sys {

struct TableEntry {
  std::int32_t access;  // the instruction, from this member
  std::int32_t resume;  // where to go on, from this member
};

// The linker's names for the ends of the section.
extern "C" {
[[gnu::visibility("hidden")]] extern const TableEntry __start_vfio_extable[];
[[gnu::visibility("hidden")]] extern const TableEntry __stop_vfio_extable[];
}

namespace {

std::uintptr_t target(const std::int32_t& distance) {
  return reinterpret_cast<std::uintptr_t>(&distance) + static_cast<std::uintptr_t>(distance);
}

#if defined(__x86_64__)

// The register's name carries the width into `mov`.
template <typename T>
bool load(const volatile T* address, T& value) {
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
bool store(volatile T* address, T value) {
  unsigned failed = 1;
  asm volatile(VFIO_GUARDED("mov %[from], %[to]", "xor %[failed], %[failed]")
               : [to] "=m"(*address), [failed] "+&r"(failed)
               : [from] "q"(value)
               : "cc", "memory");
  return failed == 0;
}

#elif defined(__aarch64__)

// Here the mnemonic carries the width. "Q" is memory at a bare register, which every form takes.
#define VFIO_LOAD(T, ldr)                                                             \
  bool load(const volatile T* address, T& value) {                                    \
    T loaded;                                                                         \
    unsigned failed = 1;                                                              \
    asm volatile(VFIO_GUARDED(ldr "[to], %[from]\n\tdmb oshld", "mov %w[failed], #0") \
                 : [to] "=r"(loaded), [failed] "+&r"(failed)                          \
                 : [from] "Q"(*address)                                               \
                 : "memory");                                                         \
    if (failed == 0) value = loaded;                                                  \
    return failed == 0;                                                               \
  }

#define VFIO_STORE(T, str)                                                               \
  bool store(volatile T* address, T value) {                                             \
    unsigned failed = 1;                                                                 \
    asm volatile("dmb oshst\n\t" VFIO_GUARDED(str "[from], %[to]", "mov %w[failed], #0") \
                 : [to] "=Q"(*address), [failed] "+&r"(failed)                           \
                 : [from] "r"(value)                                                     \
                 : "memory");                                                            \
    return failed == 0;                                                                  \
  }

VFIO_LOAD(std::uint8_t, "ldrb %w")
VFIO_LOAD(std::uint16_t, "ldrh %w")
VFIO_LOAD(std::uint32_t, "ldr %w")
VFIO_LOAD(std::uint64_t, "ldr %x")
VFIO_STORE(std::uint8_t, "strb %w")
VFIO_STORE(std::uint16_t, "strh %w")
VFIO_STORE(std::uint32_t, "str %w")
VFIO_STORE(std::uint64_t, "str %x")

#else
#error "Guarded accesses are written for x86-64 and arm64"
#endif

}  // namespace

bool guarded_load(const volatile std::uint8_t* address, std::uint8_t& value) noexcept {
  return load(address, value);
}
bool guarded_load(const volatile std::uint16_t* address, std::uint16_t& value) noexcept {
  return load(address, value);
}
bool guarded_load(const volatile std::uint32_t* address, std::uint32_t& value) noexcept {
  return load(address, value);
}
bool guarded_load(const volatile std::uint64_t* address, std::uint64_t& value) noexcept {
  return load(address, value);
}
bool guarded_store(volatile std::uint8_t* address, std::uint8_t value) noexcept {
  return store(address, value);
}
bool guarded_store(volatile std::uint16_t* address, std::uint16_t value) noexcept {
  return store(address, value);
}
bool guarded_store(volatile std::uint32_t* address, std::uint32_t value) noexcept {
  return store(address, value);
}
bool guarded_store(volatile std::uint64_t* address, std::uint64_t value) noexcept {
  return store(address, value);
}

// A dozen entries: looking at each is quicker than anything cleverer.
std::uintptr_t resume_address(std::uintptr_t instruction) noexcept {
  for (const TableEntry* entry = __start_vfio_extable; entry != __stop_vfio_extable; ++entry) {
    if (target(entry->access) == instruction) return target(entry->resume);
  }
  return 0;
}

}  // namespace vfio::sys
