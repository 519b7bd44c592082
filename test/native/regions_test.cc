// SPDX-License-Identifier: MIT
// Regions: registers through the back end, windows and direct accesses.
#include "vfio/regions.h"

#include <doctest/doctest.h>

#include <array>
#include <cerrno>

#include "open_function.h"
#include "support.h"
#include "syscalls_hook.h"
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
  CHECK(regions.direct(0, {0x3ffc, 4}).address != nullptr);
  CHECK(regions.direct(0, {0x4000, 4}).address == nullptr);
  for (const std::uint32_t region : {1U, 2U, 3U, 6U, 8U, 99U}) {
    CAPTURE(region);
    CHECK(regions.window(region).end == 0);
    CHECK(regions.direct(region, {0, 4}).address == nullptr);
  }
}

TEST_CASE_FIXTURE(OpenFunction, "direct memory is whole pages around what was asked for") {
  const DirectPart view = regions.direct(0, {0x1ffe, 0x1002});
  REQUIRE(view.mapping != nullptr);
  CHECK(view.address - view.mapping->data() == 0xffe);
  const DirectPart longer = regions.direct(0, {0x1000, 0x3000});
  CHECK(longer.mapping != view.mapping);
  CHECK(regions.direct(0, {0, 0x4000}).mapping != nullptr);
  CHECK(regions.direct(0, {1, 0x4000}).mapping == nullptr);
  view.address[0x1001] = 0x5a;
  CHECK(regions.read(0, 0x2fff, 1) == 0x5a);
}

TEST_CASE_FIXTURE(OpenFunction, "a mapping serves what lies in it, as long as a buffer uses it") {
  DirectPart whole = regions.direct(0, {0x1000, 0x3000});
  const std::weak_ptr<sys::DirectMapping> mapping = whole.mapping;
  for (const Area part :
       {Area{0x1000, 0x3000}, Area{0x1000, 1}, Area{0x2ffe, 4}, Area{0x3fff, 1}}) {
    CAPTURE(part.begin);
    const DirectPart served = regions.direct(0, part);
    CHECK(served.mapping == whole.mapping);
    CHECK(served.address == whole.address + (part.begin - 0x1000));
  }
  CHECK(regions.direct(0, {0xfff, 2}).mapping != whole.mapping);
  whole = {};
  CHECK(mapping.expired());
  CHECK(regions.direct(0, {0x1000, 1}).mapping != nullptr);
}

TEST_CASE("each region has direct memory of its own") {
  OpenFunction fixture({.bars = {{.size = 0x1000}, {.size = 0x1000}}});
  const DirectPart first = fixture.regions.direct(0, {0, 4});
  const DirectPart second = fixture.regions.direct(1, {0, 4});
  first.address[0] = 1;
  second.address[0] = 2;
  CHECK(fixture.regions.read(0, 0, 1) == 1);
  CHECK(fixture.regions.read(1, 0, 1) == 2);
}

TEST_CASE_FIXTURE(OpenFunction,
                  "each direct mapping that was lost is restored, if the others are or not") {
  const std::array parts{regions.direct(0, {0, 4}), regions.direct(0, {0x1000, 4}),
                         regions.direct(0, {0x2000, 4})};
  parts[1].mapping->give_up();
  regions.restore_direct();
  CHECK_FALSE(parts[1].mapping->is_lost());
  for (const DirectPart& part : parts) part.mapping->give_up();
  fail_syscall(1, ENOMEM, "mmap");
  regions.restore_direct();
  reset_syscalls();
  CHECK(parts[0].mapping->is_lost());
  CHECK_FALSE(parts[1].mapping->is_lost());
  CHECK_FALSE(parts[2].mapping->is_lost());
  // Whoever asks for it next gets it restored, or hears why not.
  fail_syscall(1, ENOMEM, "mmap");
  CHECK(errno_of([&] { regions.direct(0, {8, 4}); }) == ENOMEM);
  reset_syscalls();
  CHECK(regions.direct(0, {8, 4}).mapping == parts[0].mapping);
  CHECK_FALSE(parts[0].mapping->is_lost());
}

TEST_CASE("direct memory begins and ends within one mappable area") {
  OpenFunction fixture(
      {.bars = {{.size = 0x6000, .sparse = {{0x1000, 0x1000}, {0x3000, 0x2000}}}}});
  const auto reaches = [&](Area part) {
    return fixture.regions.direct(0, part).address != nullptr;
  };
  for (const Area part : {Area{0x1000, 0x1000}, Area{0x1ffc, 4}, Area{0x3000, 0x2000}}) {
    CAPTURE(part.begin);
    CHECK(reaches(part));
  }
  for (const Area part : {Area{0, 4}, Area{0, 0x1000}, Area{0xffc, 8}, Area{0x1ffc, 8},
                          Area{0x2000, 0x1000}, Area{0x1000, 0x3000}, Area{0x5000, 4}}) {
    CAPTURE(part.begin);
    CHECK_FALSE(reaches(part));
  }
}
