// SPDX-License-Identifier: MIT
// The name of a PCI function, `0000:01:00.0`. Strict, because it goes into paths: a string that is
// not exactly that form never becomes an Address.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace vfio {

class Address final {
 public:
  /// Throws Error kAddress. Lower-case hex, and a domain of four to eight digits, as sysfs prints
  /// it: one string a function, so that two of them are never the same device.
  static Address parse(std::string_view text);

  /// `devfn` is a device number, 5 bits, and below it a function number, 3 bits.
  static Address of(std::uint16_t domain, std::uint8_t bus, std::uint8_t devfn);

  const std::string& text() const noexcept { return text_; }
  auto operator<=>(const Address&) const = default;

 private:
  explicit Address(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace vfio
