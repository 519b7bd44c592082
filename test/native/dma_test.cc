// SPDX-License-Identifier: MIT
// DMA memory when the kernel refuses to map or unmap it.
#include "vfio/dma.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <memory>
#include <thread>

#include "memory_backend.h"
#include "support.h"
#include "syscalls_hook.h"

using namespace vfio;
using namespace vfio::testing;

namespace {

constexpr int kGroup = 1;

/// A container with a group, so that it has IOVAs.
struct Fixture {
  Machine machine{{DeviceSpec{}}};
  std::shared_ptr<AddressSpace> space = std::make_shared<AddressSpace>(machine.open_container());

  Fixture() { space->hold_group(kGroup, {}); }
  std::unique_ptr<DmaBuffer> make(std::uint64_t size, std::optional<std::uint64_t> iova = {},
                                  Direction direction = Direction::kBoth) {
    return std::make_unique<DmaBuffer>(
        space, MapRequest{.size = size, .direction = direction, .iova = iova});
  }
  std::size_t mappings() const { return machine.mappings(kGroup).size(); }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a buffer is neither empty nor larger than any machine") {
  CHECK(code_of([&] { make(0); }) == ErrorCode::kRange);
  CHECK(code_of([&] { make((std::uint64_t{1} << 46) + 0x1000); }) == ErrorCode::kRange);
  CHECK(mappings() == 0);
}

TEST_CASE_FIXTURE(Fixture, "a buffer that cannot be mapped leaves its IOVA free") {
  machine.mapping.fail_next(ENOMEM);
  CHECK(errno_of([&] { make(0x1000, 0x10000); }) == ENOMEM);
  CHECK(make(0x1000, 0x10000)->iova() == 0x10000);
}

TEST_CASE_FIXTURE(Fixture, "memory that a device only reads has pages before it is mapped") {
  machine.mapping.fail_next(ENOMEM);
  reset_syscalls();
  CHECK(errno_of([&] { make(0x1000, {}, Direction::kToDevice); }) == ENOMEM);
  CHECK(count_syscalls("MADV_POPULATE_WRITE") == 1);
  make(0x1000, {}, Direction::kFromDevice);
  make(0x1000);
  CHECK(count_syscalls("MADV_POPULATE_WRITE") == 1);
}

TEST_CASE_FIXTURE(Fixture, "memory is out of its owner's reach before it is unmapped") {
  const auto buffer = make(0x1000);
  const auto memory = buffer->memory();
  memory->data()[0] = 42;
  machine.unmapping.hold();
  std::thread releasing([&] { buffer->release(); });
  CHECK(machine.unmapping.await_arrival());
  CHECK(memory->data()[0] == 0);
  machine.unmapping.release();
  releasing.join();
}

TEST_CASE_FIXTURE(Fixture, "memory that a device may still reach is nobody else's") {
  auto buffer = make(0x1000, 0x10000);
  machine.unmapping.fail_next(EIO);
  SUBCASE("when it was released, which says so, once") {
    CHECK(errno_of([&] { buffer->release(); }) == EIO);
    CHECK_NOTHROW(buffer->release());
  }
  SUBCASE("when it ended") { CHECK_NOTHROW(buffer.reset()); }
  CHECK(mappings() == 1);
  CHECK(code_of([&] { make(0x1000, 0x10000); }) == ErrorCode::kRange);
  // When the last group leaves, the kernel drops the mapping.
  space->release_group(kGroup);
  space->hold_group(kGroup, {});
  CHECK_NOTHROW(make(0x1000, 0x10000));
}
