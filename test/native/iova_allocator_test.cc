// SPDX-License-Identifier: MIT
#include "vfio/iova_allocator.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <random>

#include "iova_model.h"
#include "support.h"

using vfio::ErrorCode;
using vfio::IovaAllocator;
using vfio::testing::code_of;
using vfio::testing::IovaModel;

TEST_CASE("F14/ the allocator does as a set of pages does, for a million random steps") {
  constexpr unsigned kSeeds = 20;
  constexpr int kSteps = 50'000;
  for (unsigned seed = 0; seed < kSeeds; ++seed) {
    std::mt19937_64 random(seed);
    IovaModel model([&](std::uint64_t below) { return random() % below; });
    for (int step = 0; step < kSteps; ++step) {
      if (model.step()) continue;
      FAIL("seed ", seed, ", step ", step, ": ", model.last_step());
    }
  }
}

TEST_CASE("F14/ a range begins with its first byte and ends with its last") {
  IovaAllocator allocator;
  allocator.set_ranges({{0x1000, 0x1fff}});
  CHECK(code_of([&] { allocator.reserve(0x1000, 0x1001); }) == ErrorCode::kRange);
  CHECK(code_of([&] { allocator.reserve(0x1001, 0x1000); }) == ErrorCode::kRange);
  CHECK(code_of([&] { allocator.reserve(0xfff, 2); }) == ErrorCode::kRange);
  CHECK(code_of([&] { allocator.reserve(0x1000, 0x1000); }) == std::nullopt);
}

TEST_CASE("F14/ beside a range that ends where addresses do there is no room") {
  IovaAllocator allocator;
  allocator.set_ranges({{.first = 0, .last = UINT64_MAX}});
  for (const std::uint64_t last : {UINT64_MAX, UINT64_MAX - 1}) {
    CAPTURE(last);
    allocator.reserve(IovaAllocator::kLowest, last - IovaAllocator::kLowest + 1);
    CHECK(code_of([&] { allocator.allocate(0x1000, 0x1000); }) == ErrorCode::kRange);
    allocator.free(IovaAllocator::kLowest);
  }
  CHECK(allocator.allocate(0x1000, 0x1000) == IovaAllocator::kLowest);
}
