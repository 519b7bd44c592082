// SPDX-License-Identifier: MIT
// The name of a PCI function, such as `0000:01:00.0`. The check is strict, because the name becomes
// part of paths: a string that does not have exactly this form never becomes an Address.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace vfio {

class Address final {
 public:
  /// Throws Error kAddress. Accepts lower-case hexadecimal digits and a domain of four to eight
  /// digits, as sysfs prints them. Each function thus has exactly one string, so different
  /// Addresses are different functions.
  static Address parse(std::string_view text);

  /// `devfn` is a device number (the upper 5 bits) and a function number (the lower 3 bits).
  static Address of(std::uint16_t domain, std::uint8_t bus, std::uint8_t devfn);

  const std::string& text() const noexcept { return text_; }
  auto operator<=>(const Address&) const = default;

 private:
  explicit Address(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace vfio
