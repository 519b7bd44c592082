// SPDX-License-Identifier: MIT
// A function over the memory back end: what it refuses, and what it does when the device is gone.
#include "vfio/function.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "memory_backend.h"
#include "support.h"
#include "sys/file.h"
#include "uapi/vfio.h"

using namespace vfio;
using namespace vfio::testing;

namespace {

const Address kAddress = Address::parse("0000:00:01.0");
constexpr std::uint16_t kIntxDisable = 1U << 10;

/// One device, open.
struct Fixture {
  explicit Fixture(DeviceSpec spec = {.bars = {{.size = 0x4000},
                                               {.size = 0x100, .mappable = false},
                                               {.size = 0x1000, .writable = false}},
                                      .rom = 0x1000,
                                      .msix = 4})
      : machine({std::move(spec)}) {}

  Machine machine;
  MemoryDevice& device = machine.device(kAddress.text());
  std::shared_ptr<AddressSpace> space = std::make_shared<AddressSpace>(machine.open_container());
  std::shared_ptr<Function> function =
      Function::open(Registry::instance().claim_device(space, kAddress), {kAddress});

  void arm(std::uint32_t index, std::size_t count) {
    eventfds.clear();
    for (std::size_t i = 0; i < count; ++i) eventfds.push_back(sys::make_eventfd());
    function->arm(index, eventfds);
  }
  std::optional<ErrorCode> arming(std::uint32_t index, std::size_t count) {
    return code_of([&] { arm(index, count); });
  }

  std::vector<sys::UniqueFd> eventfds;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "interrupts of a kind that the device has not are refused") {
  function->set_bus_master(true);
  CHECK(arming(VFIO_PCI_MSI_IRQ_INDEX, 1) == ErrorCode::kUnsupported);
  CHECK(arming(VFIO_PCI_ERR_IRQ_INDEX, 1) == ErrorCode::kUnsupported);
  CHECK(arming(99, 1) == ErrorCode::kUnsupported);
  CHECK(device.armed_eventfds() == 0);
}

TEST_CASE_FIXTURE(Fixture, "no vectors, and more than there are, are refused") {
  function->set_bus_master(true);
  CHECK(arming(VFIO_PCI_MSIX_IRQ_INDEX, 0) == ErrorCode::kRange);
  CHECK(arming(VFIO_PCI_MSIX_IRQ_INDEX, 5) == ErrorCode::kRange);
  CHECK(arming(VFIO_PCI_INTX_IRQ_INDEX, 2) == ErrorCode::kRange);
  CHECK(device.armed_eventfds() == 0);
  CHECK_FALSE(arming(VFIO_PCI_MSIX_IRQ_INDEX, 4));
  CHECK(device.armed_eventfds() == 4);
}

TEST_CASE_FIXTURE(Fixture, "message-signalled interrupts want bus mastering, INTx does not") {
  CHECK(arming(VFIO_PCI_MSIX_IRQ_INDEX, 1) == ErrorCode::kBusMaster);
  CHECK(device.armed_eventfds() == 0);
  CHECK_FALSE(arming(VFIO_PCI_INTX_IRQ_INDEX, 1));
  CHECK((device.command() & kIntxDisable) == 0);
}

TEST_CASE_FIXTURE(Fixture, "interrupts are armed once, of one kind, until they are disarmed") {
  function->set_bus_master(true);
  arm(VFIO_PCI_MSIX_IRQ_INDEX, 2);
  std::vector<sys::UniqueFd> another;
  another.push_back(sys::make_eventfd());
  CHECK(code_of([&] { function->arm(VFIO_PCI_MSIX_IRQ_INDEX, another); }) == ErrorCode::kBusy);
  CHECK(code_of([&] { function->arm(VFIO_PCI_INTX_IRQ_INDEX, another); }) == ErrorCode::kBusy);
  CHECK(device.armed_eventfds() == 2);
  function->disarm(VFIO_PCI_INTX_IRQ_INDEX);
  CHECK(device.armed_eventfds() == 2);
  function->disarm(VFIO_PCI_MSIX_IRQ_INDEX);
  CHECK(device.armed_eventfds() == 0);
  CHECK_FALSE(arming(VFIO_PCI_MSIX_IRQ_INDEX, 4));
}

TEST_CASE_FIXTURE(Fixture, "once it is cut everything is refused, and release disarms") {
  function->set_bus_master(true);
  arm(VFIO_PCI_MSIX_IRQ_INDEX, 2);
  function->cut();
  function->disarm(VFIO_PCI_MSIX_IRQ_INDEX);
  CHECK(device.armed_eventfds() == 2);
  const auto closed = [](auto action) { return code_of(action) == ErrorCode::kClosed; };
  CHECK(closed([&] { function->read(0, 0, 4); }));
  CHECK(closed([&] { function->write(0, 0, 4, 1); }));
  CHECK(closed([&] { function->window(0); }));
  CHECK(closed([&] { function->doorbell(0, 0); }));
  CHECK(closed([&] { function->bus_master(); }));
  CHECK(closed([&] { function->set_bus_master(true); }));
  CHECK(closed([&] { function->arm(VFIO_PCI_MSIX_IRQ_INDEX, eventfds); }));
  CHECK(closed([&] { function->trigger(VFIO_PCI_MSIX_IRQ_INDEX, 0); }));
  CHECK(closed([&] { function->mask_intx(true); }));
  CHECK(closed([&] { function->begin_reset(); }));
  CHECK(closed([&] { function->hot_reset_info(); }));
  CHECK(function->change_fd() == -1);
  device.lose();
  CHECK_FALSE(function->take_change().lost);
  function->release();
  CHECK(device.armed_eventfds() == 0);
  CHECK(device.open_functions() == 0);
}

TEST_CASE("a device without a reset of its own says so, and once it is closed that") {
  Fixture fixture({.reset = false});
  const auto begin = [&] { fixture.function->begin_reset(); };
  CHECK(code_of(begin) == ErrorCode::kUnsupported);
  CHECK(fixture.function->state() == State::kLive);
  fixture.function->cut();
  CHECK(code_of(begin) == ErrorCode::kClosed);
}

TEST_CASE_FIXTURE(Fixture, "while it is being reset everything else waits its turn") {
  function->begin_reset();
  CHECK(code_of([&] { function->begin_reset(); }) == ErrorCode::kBusy);
  CHECK(code_of([&] { function->read(0, 0, 4); }) == ErrorCode::kBusy);
  CHECK(arming(VFIO_PCI_INTX_IRQ_INDEX, 1) == ErrorCode::kBusy);
  function->reset();
  CHECK(device.resets() == 1);
  CHECK(function->read(0, 0, 4) == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "a device that is gone is told once, and gone for everybody after that") {
  device.lose();
  CHECK(function->take_change().lost);
  device.notify({.lost = true});
  CHECK_FALSE(function->take_change().lost);
  CHECK(code_of([&] { function->read(0, 0, 4); }) == ErrorCode::kLost);
  CHECK(code_of([&] { function->begin_reset(); }) == ErrorCode::kLost);
}

TEST_CASE_FIXTURE(Fixture, "a device that is lost during its reset is not live after it") {
  function->begin_reset();
  device.notify({.lost = true});
  CHECK(function->take_change().lost);
  CHECK(code_of([&] { function->read(0, 0, 4); }) == ErrorCode::kBusy);
  function->reset();
  CHECK(function->state() == State::kLost);
}

TEST_CASE_FIXTURE(Fixture, "an access that fails is a bus error, but of configuration space") {
  device.set_decode(false);
  CHECK(code_of([&] { function->read(1, 0, 4); }) == ErrorCode::kBus);
  CHECK(code_of([&] { function->write(1, 0, 4, 1); }) == ErrorCode::kBus);
  device.lose();
  CHECK(errno_of([&] { function->read(VFIO_PCI_CONFIG_REGION_INDEX, 0, 4); }) == EIO);
  CHECK(errno_of([&] { function->write(VFIO_PCI_CONFIG_REGION_INDEX, 4, 2, 0); }) == EIO);
}

TEST_CASE_FIXTURE(Fixture, "a window is of a region that can be read and written in memory") {
  const Window window = function->window(0);
  CHECK(window.end - window.begin == 0x4000);
  CHECK((function->window(0).base == window.base));
  CHECK(function->doorbell(0, 0x3ffc).address != nullptr);
  CHECK(function->doorbell(0, 0x4000).address == nullptr);
  for (const std::uint32_t region : {1U, 2U, 3U, 6U, 8U, 99U}) {
    CAPTURE(region);
    CHECK(function->window(region).end == 0);
    CHECK(function->doorbell(region, 0).address == nullptr);
  }
}

TEST_CASE_FIXTURE(Fixture, "disarming goes on past a step that fails, and says so") {
  arm(VFIO_PCI_INTX_IRQ_INDEX, 1);
  device.lose();
  CHECK(errno_of([&] { function->disarm(VFIO_PCI_INTX_IRQ_INDEX); }) == EIO);
  CHECK(device.armed_eventfds() == 0);
}

TEST_CASE_FIXTURE(Fixture, "INTx that cannot be let through is not left armed") {
  device.lose();
  CHECK(errno_of([&] { arm(VFIO_PCI_INTX_IRQ_INDEX, 1); }) == EIO);
  CHECK(device.armed_eventfds() == 0);
}

TEST_CASE_FIXTURE(Fixture, "an access that is under way is waited for") {
  device.reading.hold();
  std::thread reader([&] { function->read(1, 0, 4); });
  CHECK(device.reading.await_arrival());
  std::function<void()> end;
  SUBCASE("by a reset") {
    function->begin_reset();
    end = [&] { function->reset(); };
  }
  SUBCASE("by the release") {
    end = [&] { function->release(); };
  }
  std::thread ending(end);
  // Long enough for one that does not wait.
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK(device.resets() == 0);
  CHECK(device.open_functions() == 1);
  device.reading.release();
  reader.join();
  ending.join();
}
