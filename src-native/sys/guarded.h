// SPDX-License-Identifier: MIT
// Loads and stores of device memory that survive a bus error. Each is exactly one instruction of
// its width, listed in a table with the place to go on at when it raises SIGBUS (memory decode off,
// D3, reset, removal). The mapping is left as it is and works again when the device does.
//
// On arm64 a store is preceded by `dmb oshst` and a load followed by `dmb oshld`, as writel and
// readl do; x86-64 keeps that order by itself, so there only the compiler is held back.
#pragma once

#include <cstdint>

namespace vfio::sys {

/// Installs the process's SIGBUS handler, or installs it again if somebody replaced it. What is not
/// a guarded access goes to the handler that was there before. Called before each mapping of a
/// region.
void install_bus_error_handler();

// Each returns false on a bus error; `value` is then untouched.
[[nodiscard]] bool guarded_load(const volatile std::uint8_t* address, std::uint8_t& value) noexcept;
[[nodiscard]] bool guarded_load(const volatile std::uint16_t* address,
                                std::uint16_t& value) noexcept;
[[nodiscard]] bool guarded_load(const volatile std::uint32_t* address,
                                std::uint32_t& value) noexcept;
[[nodiscard]] bool guarded_load(const volatile std::uint64_t* address,
                                std::uint64_t& value) noexcept;
[[nodiscard]] bool guarded_store(volatile std::uint8_t* address, std::uint8_t value) noexcept;
[[nodiscard]] bool guarded_store(volatile std::uint16_t* address, std::uint16_t value) noexcept;
[[nodiscard]] bool guarded_store(volatile std::uint32_t* address, std::uint32_t value) noexcept;
[[nodiscard]] bool guarded_store(volatile std::uint64_t* address, std::uint64_t value) noexcept;

}  // namespace vfio::sys
