// SPDX-License-Identifier: MIT
// Tests of AddressSpace: its records of mappings when the back end fails.
#include "vfio/address_space.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "stage.h"
#include "support.h"
#include "sys/errors.h"

using namespace vfio;
using namespace vfio::testing;

namespace {

constexpr int kFirst = 1;
constexpr int kNarrow = 2;

/// A back end with groups only. The narrow group leaves only high addresses, and its leaving fails.
class Groups final : public AddressSpaceBackend {
 public:
  const char* name() const noexcept override { return "groups"; }
  Limits limits() override {
    return {.attached = attached_,
            .ranges = {{.first = narrow_ ? 0x80000U : 0U, .last = 0xfffff}},
            .page_sizes = 0x1000,
            .mappings_available = {}};
  }
  void map(std::uint64_t, void*, std::uint64_t, Direction) override { mapping.pass(); }
  void unmap(std::uint64_t, std::uint64_t) override {}
  std::optional<int> group_of(const Address&) override { return kFirst; }
  std::unique_ptr<FunctionBackend> open(const OpenRequest&, std::optional<int>,
                                        const Attach&) override {
    return nullptr;
  }
  void detach(const Address&, std::optional<int>) override {}
  void hold_group(int group, std::optional<sys::Duplicate>, const Attach& attach) override {
    attach([this, group] { (group == kNarrow ? narrow_ : attached_) = true; },
           [this, group] { release_group(group); });
  }
  void release_group(int group) override {
    (group == kNarrow ? narrow_ : attached_) = false;
    if (group == kNarrow) throw sys::SysError(EIO, "ioctl", "VFIO_GROUP_UNSET_CONTAINER");
  }
  sys::UniqueFd group_descriptor(int) override { return {}; }

  Stage mapping;

 private:
  bool attached_ = false;
  bool narrow_ = false;
};

}  // namespace

TEST_CASE("a group that cannot join leaves the ranges as they were, also when it leaves badly") {
  AddressSpace space(std::make_unique<Groups>());
  space.hold_group(kFirst, {});
  char memory = 0;
  space.map(&memory, {.size = 0x1000, .iova = 0x1000});
  CHECK(code_of([&] { space.hold_group(kNarrow, {}); }) == ErrorCode::kRange);
  CHECK(space.map(&memory, {.size = 0x1000, .iova = 0x2000}) == 0x2000);
}

TEST_CASE("without a device there are no IOVAs") {
  AddressSpace space(std::make_unique<Groups>());
  char memory = 0;
  const auto map = [&] { space.map(&memory, {.size = 0x1000}); };
  CHECK(code_of(map) == ErrorCode::kNoDevice);
  space.hold_group(kFirst, {});
  CHECK_FALSE(code_of(map));
  space.release_group(kFirst);
  CHECK(code_of(map) == ErrorCode::kNoDevice);
}

TEST_CASE("a mapping is not empty, and of whole pages in memory and for the device") {
  AddressSpace space(std::make_unique<Groups>());
  space.hold_group(kFirst, {});
  char memory = 0;
  const auto mapping = [&](std::uint64_t size, std::optional<std::uint64_t> iova = {}) {
    return code_of([&] { space.map(&memory, {.size = size, .iova = iova}); });
  };
  CHECK(mapping(0) == ErrorCode::kRange);
  CHECK(mapping(0x800) == ErrorCode::kAlign);
  CHECK(mapping(0x1001, 0x1000) == ErrorCode::kAlign);
  CHECK(mapping(0x1000, 0x1800) == ErrorCode::kAlign);
  // None of the refused requests allocated the addresses.
  CHECK_FALSE(mapping(0x2000, 0x1000));
}

TEST_CASE("what is not mapped is not unmapped, and a mapping is by its start") {
  AddressSpace space(std::make_unique<Groups>());
  space.hold_group(kFirst, {});
  char memory = 0;
  space.map(&memory, {.size = 0x2000, .iova = 0x1000});
  const auto unmapping = [&](std::uint64_t iova) { return code_of([&] { space.unmap(iova); }); };
  CHECK(unmapping(0) == ErrorCode::kRange);
  CHECK(unmapping(0x2000) == ErrorCode::kRange);
  CHECK_FALSE(unmapping(0x1000));
  CHECK(unmapping(0x1000) == ErrorCode::kRange);
}

TEST_CASE("a mapping ends after the first device has all of them, not while it gets them") {
  auto backend = std::make_unique<Groups>();
  Stage& mapping = backend->mapping;
  AddressSpace space(std::move(backend));
  space.hold_group(kFirst, {});
  char memory = 0;
  space.map(&memory, {.size = 0x1000, .iova = 0x1000});
  space.release_group(kFirst);

  mapping.hold();
  std::thread attaching([&] { space.hold_group(kFirst, {}); });
  CHECK(mapping.await_arrival());
  std::atomic<bool> unmapped{false};
  std::thread unmapping([&] {
    space.unmap(0x1000);
    unmapped = true;
  });
  // Long enough for a thread that does not wait.
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK_FALSE(unmapped);
  mapping.release();
  attaching.join();
  unmapping.join();
  CHECK(unmapped);
}
