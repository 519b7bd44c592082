// SPDX-License-Identifier: MIT
// Which claims on devices and groups this process allows.
#include "vfio/registry.h"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <utility>

#include "memory_backend.h"
#include "support.h"

using namespace vfio;
using namespace vfio::testing;

namespace {

const Address kAddress = Address::parse("0000:00:01.0");
const Address kMate = Address::parse("0000:00:01.1");
constexpr int kGroup = 1;

using Space = std::shared_ptr<AddressSpace>;

/// Two containers of one machine, with two devices in a group.
struct Fixture {
  Machine machine{{{.address = kAddress.text()}, {.address = kMate.text()}}};
  Registry& registry = Registry::instance();
  Space space = std::make_shared<AddressSpace>(machine.open_container());
  Space other = std::make_shared<AddressSpace>(machine.open_container());

  std::optional<ErrorCode> claiming(const Space& where, const Address& address) {
    return code_of([&] { registry.claim_device(where, address); });
  }
};

/// A back end whose devices have no IOMMU groups.
class Groupless final : public AddressSpaceBackend {
 public:
  const char* name() const noexcept override { return "groupless"; }
  Limits limits() override { return {}; }
  void map(std::uint64_t, void*, std::uint64_t, Direction) override {}
  void unmap(std::uint64_t, std::uint64_t) override {}
  std::optional<int> group_of(const Address&) override { return std::nullopt; }
  std::unique_ptr<FunctionBackend> open(const OpenRequest&, std::optional<int>,
                                        const Attach&) override {
    return nullptr;
  }
  void detach(const Address&, std::optional<int>) override {}
  void hold_group(int, std::optional<sys::Duplicate>, const Attach&) override {}
  void release_group(int) override {}
  sys::UniqueFd group_descriptor(int) override { return {}; }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a device is claimed once, until the claim ends") {
  {
    const Registry::Claim claim = registry.claim_device(space, kAddress);
    CHECK(claim.group() == kGroup);
    CHECK(claiming(space, kAddress) == ErrorCode::kBusy);
    CHECK_FALSE(claiming(space, kMate));
  }
  CHECK_FALSE(claiming(space, kAddress));
}

TEST_CASE_FIXTURE(Fixture, "a claim that moved is one claim") {
  Registry::Claim first = registry.claim_device(space, kAddress);
  std::optional<Registry::Claim> second(std::move(first));
  CHECK(claiming(space, kAddress) == ErrorCode::kBusy);
  second.reset();
  CHECK_FALSE(claiming(space, kAddress));
}

TEST_CASE_FIXTURE(Fixture, "a group is of one container, which others refuse or join") {
  std::optional<Registry::Claim> held(registry.claim_group(space, kGroup));
  CHECK(code_of([&] { registry.claim_group(other, kGroup); }) == ErrorCode::kBusy);
  CHECK(claiming(other, kAddress) == ErrorCode::kBusy);
  CHECK(registry.claim_device_anywhere(other, kAddress).space() == space);
  held.reset();
  CHECK(registry.claim_device_anywhere(other, kAddress).space() == other);
}

TEST_CASE_FIXTURE(Fixture, "a device in no group is claimed without one") {
  const auto groupless = std::make_shared<AddressSpace>(std::make_unique<Groupless>());
  {
    const Registry::Claim claim = registry.claim_device(groupless, kAddress);
    CHECK_FALSE(claim.group());
    CHECK(claiming(groupless, kAddress) == ErrorCode::kBusy);
    CHECK_FALSE(code_of([&] { registry.claim_group(other, kGroup); }));
  }
  CHECK_FALSE(claiming(groupless, kAddress));
}
