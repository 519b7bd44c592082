// SPDX-License-Identifier: MIT
// Regions: registers through the back end, windows and doorbells.
#include "vfio/regions.h"

#include <doctest/doctest.h>

#include <cerrno>

#include "open_function.h"
#include "support.h"
#include "uapi/vfio.h"

using namespace vfio;
using namespace vfio::testing;

TEST_CASE_FIXTURE(OpenFunction, "an access that fails is a bus error, but of configuration space") {
  device.set_decode(false);
  CHECK(code_of([&] { regions.read(1, 0, 4); }) == ErrorCode::kBus);
  CHECK(code_of([&] { regions.write(1, 0, 4, 1); }) == ErrorCode::kBus);
  device.lose();
  CHECK(errno_of([&] { regions.read(VFIO_PCI_CONFIG_REGION_INDEX, 0, 4); }) == EIO);
  CHECK(errno_of([&] { regions.write(VFIO_PCI_CONFIG_REGION_INDEX, 4, 2, 0); }) == EIO);
}

TEST_CASE_FIXTURE(OpenFunction, "a window is of a region that can be read and written in memory") {
  const Window window = regions.window(0);
  CHECK(window.end - window.begin == 0x4000);
  CHECK((regions.window(0).base == window.base));
  CHECK(regions.doorbell(0, 0x3ffc).address != nullptr);
  CHECK(regions.doorbell(0, 0x4000).address == nullptr);
  for (const std::uint32_t region : {1U, 2U, 3U, 6U, 8U, 99U}) {
    CAPTURE(region);
    CHECK(regions.window(region).end == 0);
    CHECK(regions.doorbell(region, 0).address == nullptr);
  }
}
