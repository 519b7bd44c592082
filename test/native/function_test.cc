// SPDX-License-Identifier: MIT
// A function over the memory back end: its reset, its loss and its release.
#include "vfio/function.h"

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <thread>

#include "open_function.h"
#include "support.h"
#include "syscalls_hook.h"
#include "uapi/vfio.h"

using namespace vfio;
using namespace vfio::testing;

namespace {

/// The function whose state each mremap notes. A direct mapping comes back with an mremap.
const Function* watched = nullptr;
State state_at_mremap = State::kClosed;

const sys::Syscalls& noting_the_state() {
  static const sys::Syscalls table = [] {
    sys::Syscalls noting = sys::kernel_syscalls();
    noting.mremap = [](void* address, size_t size, size_t new_size, int flags, void* new_address) {
      state_at_mremap = watched->state();
      return sys::kernel_syscalls().mremap(address, size, new_size, flags, new_address);
    };
    return noting;
  }();
  return table;
}

}  // namespace

TEST_CASE_FIXTURE(OpenFunction, "once it is cut everything is refused, and release disarms") {
  function->set_bus_master(true);
  arm(VFIO_PCI_MSIX_IRQ_INDEX, 2);
  function->cut();
  interrupts.disarm(VFIO_PCI_MSIX_IRQ_INDEX);
  CHECK(device.armed_eventfds() == 2);
  const auto closed = [](auto action) { return code_of(action) == ErrorCode::kClosed; };
  CHECK(closed([&] { regions.read(0, 0, 4); }));
  CHECK(closed([&] { regions.write(0, 0, 4, 1); }));
  CHECK(closed([&] { regions.window(0); }));
  CHECK(closed([&] { regions.direct(0, {0, 4}); }));
  CHECK(closed([&] { function->bus_master(); }));
  CHECK(closed([&] { function->set_bus_master(true); }));
  CHECK(closed([&] { interrupts.arm(VFIO_PCI_MSIX_IRQ_INDEX, eventfds); }));
  CHECK(closed([&] { interrupts.trigger(VFIO_PCI_MSIX_IRQ_INDEX, 0); }));
  CHECK(closed([&] { interrupts.mask_intx(true); }));
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
  OpenFunction fixture({.reset = false});
  const auto begin = [&] { fixture.function->begin_reset(); };
  CHECK(code_of(begin) == ErrorCode::kUnsupported);
  CHECK(fixture.function->state() == State::kLive);
  fixture.function->cut();
  CHECK(code_of(begin) == ErrorCode::kClosed);
}

TEST_CASE_FIXTURE(OpenFunction, "while it is being reset everything else waits its turn") {
  function->begin_reset();
  CHECK(code_of([&] { function->begin_reset(); }) == ErrorCode::kBusy);
  CHECK(code_of([&] { regions.read(0, 0, 4); }) == ErrorCode::kBusy);
  CHECK(arming(VFIO_PCI_INTX_IRQ_INDEX, 1) == ErrorCode::kBusy);
  function->reset();
  CHECK(device.resets() == 1);
  CHECK(regions.read(0, 0, 4) == 0);
}

TEST_CASE_FIXTURE(OpenFunction, "direct accesses work again before the reset is over") {
  const DirectPart memory = regions.direct(0, {0, 4});
  REQUIRE(memory.address != nullptr);
  watched = function.get();
  forward_syscalls_to(noting_the_state());
  function->begin_reset();
  function->reset();
  forward_syscalls_to(sys::kernel_syscalls());
  CHECK(state_at_mremap == State::kBusy);
  CHECK(function->state() == State::kLive);
}

TEST_CASE_FIXTURE(OpenFunction,
                  "a device that is gone is told once, and gone for everybody after that") {
  device.lose();
  CHECK(function->take_change().lost);
  device.notify({.lost = true});
  CHECK_FALSE(function->take_change().lost);
  CHECK(code_of([&] { regions.read(0, 0, 4); }) == ErrorCode::kLost);
  CHECK(code_of([&] { function->begin_reset(); }) == ErrorCode::kLost);
}

TEST_CASE_FIXTURE(OpenFunction, "a device that is lost during its reset is not live after it") {
  function->begin_reset();
  device.notify({.lost = true});
  CHECK(function->take_change().lost);
  CHECK(code_of([&] { regions.read(0, 0, 4); }) == ErrorCode::kBusy);
  function->reset();
  CHECK(function->state() == State::kLost);
}

TEST_CASE_FIXTURE(OpenFunction, "an access that is under way is waited for") {
  device.reading.hold();
  std::thread reader([&] { regions.read(1, 0, 4); });
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
  // Long enough for a thread that does not wait.
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK(device.resets() == 0);
  CHECK(device.open_functions() == 1);
  device.reading.release();
  reader.join();
  ending.join();
}
