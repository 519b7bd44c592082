// SPDX-License-Identifier: MIT
#include "vfio/iova_allocator.h"

#include <doctest/doctest.h>

#include <random>

#include "iova_model.h"

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
