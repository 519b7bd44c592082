// SPDX-License-Identifier: MIT
// The bits of the command register (PCI Local Bus 3.0, 6.2.2) for the memory back end and the
// tests. The library has its own definitions, so that a mistake there is noticed here.
#pragma once

#include <cstdint>

namespace vfio::testing {

constexpr std::uint16_t kCommandIo = 1U << 0;
constexpr std::uint16_t kCommandMemory = 1U << 1;
constexpr std::uint16_t kCommandBusMaster = 1U << 2;
constexpr std::uint16_t kCommandIntxDisable = 1U << 10;

}  // namespace vfio::testing
