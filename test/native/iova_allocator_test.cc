// SPDX-License-Identifier: MIT
#include "vfio/iova_allocator.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <vector>

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
    CHECK(code_of([&] { allocator.allocate(0x1000, {}); }) == ErrorCode::kRange);
    allocator.free(IovaAllocator::kLowest);
  }
  CHECK(allocator.allocate(0x1000, {}) == IovaAllocator::kLowest);
}

TEST_CASE("F14/ below 4 GiB an address that rested is used before one above, while enough rests") {
  IovaAllocator allocator;
  allocator.set_ranges({{.first = 0, .last = UINT64_MAX}});
  constexpr std::uint64_t kSize = std::uint64_t{1} << 20;
  const std::uint64_t kept =
      IovaAllocator::kEndOfLow - IovaAllocator::kLowest - IovaAllocator::kEnoughRest;
  CHECK(allocator.allocate(kept, {}) == IovaAllocator::kLowest);
  // Without the reuse of rested addresses, these would not fit into the 64 MiB that are left below
  // 4 GiB.
  for (int round = 0; round < 1000; ++round) {
    const std::uint64_t iova = allocator.allocate(kSize, {});
    CHECK(iova < IovaAllocator::kEndOfLow);
    allocator.free(iova);
  }
}

TEST_CASE("F14/ an address below 4 GiB is not used again at once while there are others above") {
  IovaAllocator allocator;
  allocator.set_ranges({{.first = 0, .last = UINT64_MAX}});
  allocator.allocate(IovaAllocator::kEndOfLow - IovaAllocator::kLowest - 0x10000, {});
  const std::uint64_t iova = allocator.allocate(0x10000, {});
  CHECK(iova < IovaAllocator::kEndOfLow);
  allocator.free(iova);
  CHECK(allocator.allocate(0x10000, {}) == IovaAllocator::kEndOfLow);
}

TEST_CASE("F14/ a range at the end of all addresses is not adjacent to one at their start") {
  IovaAllocator allocator;
  allocator.set_ranges({{.first = 0, .last = UINT64_MAX}});
  constexpr std::uint64_t kLast = 0 - std::uint64_t{0x1000};
  for (const std::uint64_t iova : {kLast, std::uint64_t{0}}) {
    allocator.reserve(iova, 0x1000);
    allocator.free(iova);
  }
  for (const std::uint64_t iova : {std::uint64_t{0}, kLast}) {
    CHECK(code_of([&] { allocator.reserve(iova, 0x1000); }) == std::nullopt);
  }
}

TEST_CASE("F14/ a wish that cannot be met ends no rest") {
  constexpr std::uint64_t kFirst = IovaAllocator::kLowest;
  IovaAllocator allocator;
  allocator.set_ranges({{.first = kFirst, .last = kFirst + 0x3fff}});
  for (int i = 0; i < 4; ++i) allocator.allocate(0x1000, {});
  for (const std::uint64_t page : {3, 1}) allocator.free(kFirst + page * 0x1000);
  CHECK(code_of([&] { allocator.allocate(0x2000, {}); }) == ErrorCode::kRange);
  CHECK(code_of([&] { allocator.allocate(0x1000, {.alignment = 0x100000}); }) == ErrorCode::kRange);
  CHECK(allocator.allocate(0x1000, {}) == kFirst + 0x3000);
}

TEST_CASE("F14/ a preferred alignment is kept where there is such a place, and else is not") {
  IovaAllocator allocator;
  allocator.set_ranges({{.first = 0, .last = 0x3fffff}});
  const vfio::IovaWish wish{.alignment = 0x1000, .preferred = 0x200000};
  CHECK(allocator.allocate(0x100000, wish) == 0x200000);
  CHECK(allocator.allocate(0x100000, wish) == 0x300000);
  CHECK(allocator.allocate(0x100000, wish) == 0x10000);
}

TEST_CASE("F14/ a freed address rests until all others have been used") {
  constexpr std::uint64_t kFirst = IovaAllocator::kLowest;
  IovaAllocator allocator;
  allocator.set_ranges({{.first = kFirst, .last = kFirst + 0x3fff}});
  for (std::uint64_t i = 0; i < 4; ++i) {
    CHECK(allocator.allocate(0x1000, {}) == kFirst + i * 0x1000);
  }
  CHECK(code_of([&] { allocator.allocate(0x1000, {}); }) == ErrorCode::kRange);
  // In the order in which they were freed, not in the order of their addresses.
  for (const std::uint64_t page : {2, 0, 3}) allocator.free(kFirst + page * 0x1000);
  for (const std::uint64_t page : {2, 0, 3}) {
    CHECK(allocator.allocate(0x1000, {}) == kFirst + page * 0x1000);
  }
}

TEST_CASE("F14/ of more freed ranges than are remembered, those that rested longest are free") {
  constexpr std::uint64_t kCount = IovaAllocator::kMostResting + 2;
  IovaAllocator allocator;
  // Every other page stays in use, so that no two freed pages are adjacent.
  allocator.set_ranges({{.first = 0, .last = IovaAllocator::kLowest + 2 * kCount * 0x1000 - 1}});
  std::vector<std::uint64_t> iovas;
  for (std::uint64_t i = 0; i < 2 * kCount; ++i) iovas.push_back(allocator.allocate(0x1000, {}));
  for (std::size_t i = 0; i < iovas.size(); i += 2) allocator.free(iovas[i]);
  for (std::size_t i = 0; i < iovas.size(); i += 2) {
    CHECK(allocator.allocate(0x1000, {}) == iovas[i]);
  }
  CHECK(code_of([&] { allocator.allocate(0x1000, {}); }) == ErrorCode::kRange);
}

TEST_CASE("F14/ a device of few address bits gets none that it cannot make") {
  IovaAllocator allocator;
  allocator.set_ranges({{.first = 0, .last = UINT64_MAX}});
  constexpr std::uint64_t kEnd = 1 << 28;
  const vfio::IovaWish wish{.alignment = 0x1000, .boundary = 0, .highest = kEnd - 1};
  constexpr std::uint64_t kPool = 100 << 20;
  const std::uint64_t pool = allocator.allocate(kPool, wish);
  for (int round = 0; round < 10'000; ++round) {
    const std::uint64_t iova = allocator.allocate(1 << 20, wish);
    CHECK(iova + (1 << 20) <= kEnd);
    CHECK((iova + (1 << 20) <= pool || iova >= pool + kPool));
    allocator.free(iova);
  }
}

TEST_CASE("F14/ a range keeps to its alignment, and crosses no boundary") {
  IovaAllocator allocator;
  allocator.set_ranges({{.first = 0, .last = UINT64_MAX}});
  CHECK(allocator.allocate(0x1000, {}) == 0x10000);
  CHECK(allocator.allocate(0x2000, {.alignment = 0x100000}) == 0x100000);
  CHECK(allocator.allocate(0xf000, {.boundary = 0x10000}) == 0x110000);
  CHECK(allocator.allocate(0x2000, {.boundary = 0x10000}) == 0x120000);
  CHECK(allocator.allocate(0x10000, {.boundary = 0x10000}) == 0x130000);
  CHECK(code_of([&] { allocator.allocate(0x11000, {.boundary = 0x10000}); }) == ErrorCode::kRange);
}
