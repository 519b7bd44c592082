// SPDX-License-Identifier: MIT
// Formats numbers for messages.
#pragma once

#include <cstdint>
#include <string>

namespace vfio {

inline std::string hex(std::uint64_t value) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string digits;
  do {
    digits.insert(digits.begin(), kDigits[value & 15]);
    value >>= 4;
  } while (value != 0);
  return "0x" + digits;
}

}  // namespace vfio
