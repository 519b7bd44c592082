// SPDX-License-Identifier: MIT
#include "vfio/vf_token.h"

#include <doctest/doctest.h>

#include <string>

#include "support.h"

using vfio::ErrorCode;
using vfio::VfToken;
using vfio::testing::code_of;

TEST_CASE("a VF token is a UUID, in digits of either case") {
  for (const char* text :
       {"83d8f4f2-509f-382f-3c1e-e6bfe0fa1001", "83D8F4F2-509F-382F-3C1E-E6BFE0FA1001",
        "00000000-0000-0000-0000-000000000000"}) {
    CHECK(VfToken::parse(text).text() == text);
  }
}

TEST_CASE("what is not exactly a UUID is no VF token") {
  using namespace std::string_literals;
  const std::string bad[] = {
      "",
      "83d8f4f2509f382f3c1ee6bfe0fa1001",
      "{83d8f4f2-509f-382f-3c1e-e6bfe0fa1001}",
      "83d8f4f2-509f-382f-3c1e-e6bfe0fa100",
      "83d8f4f2-509f-382f-3c1e-e6bfe0fa10011",
      "83d8f4f2-509f-382f-3c1e-e6bfe0fa100g",
      "83d8f4f2-509f-382f-3c1e-e6bfe0fa100G",
      "83d8f4f2-509f-382f-3c1e-e6bfe0fa100`",
      "83d8f4f2-509f-382f-3c1e-e6bfe0fa100@",
      "83d8f4f2-509f-382f-3c1e-e6bfe0fa100/",
      "83d8f4f2-509f-382f-3c1e-e6bfe0fa100:",
      "83d8f4f2-509f-382f-3c1e-e6bfe0fa1001 ",
      "83d8f4f2-509f-382f-3c1e-e6bfe0fa100\n",
      "83d8f4f2-509f-382f-3c1e-e6bfe0fa100\0"s,
      "83d8f4f25-09f-382f-3c1e-e6bfe0fa1001",
      "83d8f4f2 509f 382f 3c1e e6bfe0fa1001",
  };
  for (const std::string& text : bad) {
    CAPTURE(text);
    CHECK(code_of([&] { VfToken::parse(text); }) == ErrorCode::kRange);
  }
}
