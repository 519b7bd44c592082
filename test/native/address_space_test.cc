// SPDX-License-Identifier: MIT
// The registry of mappings, where the back end beneath it fails.
#include "vfio/address_space.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "support.h"
#include "sys/errors.h"

using namespace vfio;
using namespace vfio::testing;

namespace {

constexpr int kFirst = 1;
constexpr int kNarrow = 2;

/// Groups alone: the narrow one leaves only high addresses, and fails to leave in order.
class Groups final : public AddressSpaceBackend {
 public:
  const char* name() const noexcept override { return "groups"; }
  Limits limits() override {
    return {.attached = attached_,
            .ranges = {{.first = narrow_ ? 0x80000U : 0U, .last = 0xfffff}},
            .page_sizes = 0x1000,
            .mappings_available = {}};
  }
  void map(std::uint64_t, void*, std::uint64_t, Direction) override {}
  void unmap(std::uint64_t, std::uint64_t) override {}
  std::optional<int> group_of(const Address&) override { return kFirst; }
  std::unique_ptr<FunctionBackend> open(const Address&, std::optional<int>,
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

 private:
  bool attached_ = false;
  bool narrow_ = false;
};

}  // namespace

TEST_CASE("a group that cannot join leaves the ranges as they were, also when it leaves badly") {
  AddressSpace space(std::make_unique<Groups>());
  space.hold_group(kFirst, {});
  char memory = 0;
  space.map(&memory, 0x1000, Direction::kBoth, 0x1000);
  CHECK(code_of([&] { space.hold_group(kNarrow, {}); }) == ErrorCode::kRange);
  CHECK(space.map(&memory, 0x1000, Direction::kBoth, 0x2000) == 0x2000);
}
