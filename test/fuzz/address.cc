// SPDX-License-Identifier: MIT
// Target: any text as a PCI address. It is valid exactly if printing its numbers gives the same
// text.
#include "vfio/address.h"

#include <cstdio>
#include <string>

#include "target.h"

namespace vfio::fuzz {

namespace {

/// Prints the address as Linux does, with the C library.
bool is_address(const std::string& text) {
  unsigned domain = 0;
  unsigned bus = 0;
  unsigned device = 0;
  unsigned function = 0;
  if (std::sscanf(text.c_str(), "%8x:%2x:%2x.%1x", &domain, &bus, &device, &function) != 4) {
    return false;
  }
  char printed[32];
  std::snprintf(printed, sizeof printed, "%04x:%02x:%02x.%x", domain, bus, device, function);
  return text == printed && device < 0x20 && function < 8;
}

}  // namespace

void run(Input& input) {
  const std::string text(input.take_text(64));
  const bool parsed = accepted([&] { Address::parse(text); });
  require(parsed == is_address(text), "an address is valid exactly if it prints as it was read");
}

}  // namespace vfio::fuzz
