// SPDX-License-Identifier: MIT
#include "vfio/address.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "vfio/errors.h"

namespace vfio {

namespace {

constexpr bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

/// The length of the part after the domain: `:BB:DD.F`, with a device below 0x20 and a function
/// below 8.
constexpr std::size_t kTail = 8;

constexpr bool is_tail(std::string_view text) {
  return text.size() == kTail && text[0] == ':' && is_hex(text[1]) && is_hex(text[2]) &&
         text[3] == ':' && (text[4] == '0' || text[4] == '1') && is_hex(text[5]) &&
         text[6] == '.' && text[7] >= '0' && text[7] <= '7';
}

/// Linux prints at least four digits, and no leading zeros beyond them.
constexpr bool is_domain(std::string_view text) {
  if (text.size() < 4 || text.size() > 8 || (text.size() > 4 && text[0] == '0')) return false;
  return std::all_of(text.begin(), text.end(), is_hex);
}

constexpr bool is_address(std::string_view text) {
  if (text.size() < kTail) return false;
  const std::size_t domain = text.size() - kTail;
  return is_domain(text.substr(0, domain)) && is_tail(text.substr(domain));
}

}  // namespace

// The message does not repeat the text, which may be long and contain any character.
Address Address::parse(std::string_view text) {
  if (!is_address(text)) {
    throw Error(ErrorCode::kAddress, "Expected a PCI address like 0000:01:00.0");
  }
  return Address(std::string(text));
}

Address Address::of(std::uint16_t domain, std::uint8_t bus, std::uint8_t devfn) {
  std::array<char, 4 + kTail + 1> text;
  std::snprintf(text.data(), text.size(), "%04x:%02x:%02x.%x", domain, bus, devfn >> 3, devfn & 7);
  return Address(text.data());
}

}  // namespace vfio
