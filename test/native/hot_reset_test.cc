// SPDX-License-Identifier: MIT
// The hot reset of a slot with two functions, each in its own group.
#include "vfio/hot_reset.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "memory_backend.h"
#include "support.h"
#include "sys/file.h"
#include "uapi/vfio.h"

using namespace vfio;
using namespace vfio::testing;

namespace {

const Address kAsked = Address::parse("0000:00:01.0");
const Address kMate = Address::parse("0000:00:01.1");
constexpr int kMatesGroup = 2;

std::vector<DeviceSpec> slot_of_two() {
  return {{.address = kAsked.text(), .group = 1, .slot = 1},
          {.address = kMate.text(), .group = kMatesGroup, .slot = 1}};
}

/// The function whose hot reset is requested, open.
struct Fixture {
  Machine machine{slot_of_two()};
  MemoryDevice& device = machine.device(kAsked.text());
  MemoryDevice& mates_device = machine.device(kMate.text());
  std::shared_ptr<AddressSpace> space = std::make_shared<AddressSpace>(machine.open_container());
  std::shared_ptr<Function> asked = open(kAsked);

  std::shared_ptr<Function> open(const Address& address) {
    return Function::open(Registry::instance().claim_device(space, address), {address});
  }
  std::optional<ErrorCode> beginning() {
    return code_of([&] { const HotReset reset(asked); });
  }
};

}  // namespace

TEST_CASE("a function in no slot has no such reset") {
  Machine machine({DeviceSpec{}});
  const auto space = std::make_shared<AddressSpace>(machine.open_container());
  const auto alone = Function::open(Registry::instance().claim_device(space, kAsked), {kAsked});
  CHECK(code_of([&] { const HotReset reset(alone); }) == ErrorCode::kUnsupported);
  CHECK(alone->state() == State::kLive);
}

TEST_CASE_FIXTURE(Fixture, "a group that this process does not hold, or not yet, is in the way") {
  CHECK(beginning() == ErrorCode::kUnsupported);
  {
    const Registry::Claim opening = Registry::instance().claim_group(space, kMatesGroup);
    CHECK(beginning() == ErrorCode::kBusy);
  }
  CHECK(asked->state() == State::kLive);
  space->hold_group(kMatesGroup, {});
  const Registry::Claim held = Registry::instance().claim_group(space, kMatesGroup);
  CHECK_FALSE(beginning());
  space->release_group(kMatesGroup);
}

TEST_CASE_FIXTURE(Fixture, "a mate that is busy leaves the one that was asked as it was") {
  const auto mate = open(kMate);
  mate->begin_reset();
  CHECK(beginning() == ErrorCode::kBusy);
  CHECK(asked->state() == State::kLive);
  mate->reset();
  CHECK_FALSE(beginning());
}

TEST_CASE_FIXTURE(Fixture, "a mate that is closing is in the way") {
  const auto mate = open(kMate);
  mate->cut();
  CHECK(beginning() == ErrorCode::kBusy);
  CHECK(asked->state() == State::kLive);
}

TEST_CASE_FIXTURE(Fixture, "both are reset, and the mate hears when it begins and ends") {
  const auto mate = open(kMate);
  std::vector<bool> heard;
  std::vector<bool> asked_heard;
  mate->watch_hot_resets([&](bool over) { heard.push_back(over); });
  asked->watch_hot_resets([&](bool over) { asked_heard.push_back(over); });
  mate->set_bus_master(true);
  {
    HotReset reset(asked);
    CHECK(asked->state() == State::kBusy);
    CHECK(mate->state() == State::kBusy);
    CHECK(heard == std::vector<bool>{false});
    reset.run();
  }
  CHECK(heard == std::vector<bool>{false, true});
  CHECK(asked_heard.empty());
  CHECK(device.resets() == 1);
  CHECK(mates_device.resets() == 1);
  CHECK_FALSE(mate->bus_master());
}

TEST_CASE_FIXTURE(Fixture,
                  "what the mate gave up before one that does not come about is disarmed") {
  const auto mate = open(kMate);
  std::vector<sys::UniqueFd> eventfds;
  eventfds.push_back(sys::make_eventfd());
  mate->interrupts().arm(VFIO_PCI_INTX_IRQ_INDEX, eventfds);
  {
    const HotReset reset(asked);
    mate->interrupts().disarm(VFIO_PCI_INTX_IRQ_INDEX);
    CHECK(mates_device.armed_eventfds() == 1);
  }
  CHECK(mates_device.armed_eventfds() == 0);
  mate->interrupts().arm(VFIO_PCI_INTX_IRQ_INDEX, eventfds);
  { const HotReset reset(asked); }
  CHECK(mates_device.armed_eventfds() == 1);
}

TEST_CASE_FIXTURE(Fixture, "whoever hears that it is over can open the mate again") {
  const auto mate = open(kMate);
  std::optional<ErrorCode> opening = ErrorCode::kBusy;
  mate->watch_hot_resets([&](bool over) {
    if (!over) return;
    mate->release();
    opening = code_of([&] { open(kMate); });
  });
  HotReset(asked).run();
  CHECK_FALSE(opening);
}

TEST_CASE_FIXTURE(Fixture, "one that the kernel refuses leaves both live") {
  const auto mate = open(kMate);
  device.resetting.fail_next(EIO);
  CHECK(errno_of([&] { HotReset(asked).run(); }) == EIO);
  CHECK(asked->state() == State::kLive);
  CHECK(mate->state() == State::kLive);
  CHECK(mates_device.resets() == 0);
}

TEST_CASE_FIXTURE(Fixture, "functions that do not come back from it end it all the same") {
  const auto mate = open(kMate);
  device.resetting.hold();
  int failure = 0;
  std::thread resetting([&] { failure = errno_of([&] { HotReset(asked).run(); }); });
  CHECK(device.resetting.await_arrival());
  device.lose();
  mates_device.lose();
  device.resetting.release();
  resetting.join();
  CHECK(failure == EIO);
  CHECK(asked->state() != State::kBusy);
  CHECK(mate->state() != State::kBusy);
}
