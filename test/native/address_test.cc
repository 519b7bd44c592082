// SPDX-License-Identifier: MIT
#include "vfio/address.h"

#include <doctest/doctest.h>

#include <string>

#include "support.h"

using vfio::Address;
using vfio::ErrorCode;
using vfio::testing::code_of;

TEST_CASE("S1/ an address is a domain of four to eight digits, bus, device and function") {
  for (const char* text : {"0000:00:00.0", "0000:01:1f.7", "10000:e1:00.0", "abcdef01:ff:1f.7"}) {
    CHECK(Address::parse(text).text() == text);
  }
  CHECK(Address::parse("0000:01:00.0") == Address::parse("0000:01:00.0"));
  CHECK(Address::parse("0000:01:00.0") < Address::parse("0000:01:00.1"));
}

TEST_CASE("S1/ what is not exactly an address is refused") {
  using namespace std::string_literals;
  const std::string bad[] = {
      "",
      "01:00.0",
      "000:01:00.0",
      "123456789:01:00.0",
      "0000:01:00.8",
      "0000:01:20.0",
      "0000:01:0g.0",
      "0000:1:00.0",
      "0000:01:00.0 ",
      " 0000:01:00.0",
      "0000:01:00.0\n",
      "0000:01:00.0\0"s,
      "0000:01:00\0.0"s,
      "0000:01:00,0",
      "0000-01:00.0",
      "ABCD:01:00.0",
      "00000:01:00.0",  // another name of 0000:01:00.0
      "../../etc",
      "0000:01:00.0/../..",
      "\u0661\u0661:01:00.0",  // digits, but not ASCII
      std::string(100000, '0'),
  };
  for (const std::string& text : bad) {
    CAPTURE(text);
    CHECK(code_of([&] { Address::parse(text); }) == ErrorCode::kAddress);
  }
}

TEST_CASE("an address is made of its numbers") {
  CHECK(Address::of(0, 1, 0).text() == "0000:01:00.0");
  CHECK(Address::of(0xffff, 0xff, 0xff).text() == "ffff:ff:1f.7");
  CHECK(Address::of(0x10, 0xa2, (2 << 3) | 1) == Address::parse("0010:a2:02.1"));
}
