// SPDX-License-Identifier: MIT
// Armed vectors and their consumers.
#include "vfio/irq_set.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <optional>

#include "open_function.h"
#include "support.h"
#include "uapi/vfio.h"

using namespace vfio;
using namespace vfio::testing;

namespace {

/// A device with bus master on, and four of its vectors.
struct Fixture : OpenFunction {
  std::optional<IrqSet> irqs;

  Fixture() {
    function->set_bus_master(true);
    irqs.emplace(function, VFIO_PCI_MSIX_IRQ_INDEX, 4);
  }
  void raise(std::uint32_t vector) { CHECK(device.raise(VFIO_PCI_MSIX_IRQ_INDEX, vector)); }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "more vectors than any device has open no descriptors") {
  const std::size_t before = open_descriptors();
  CHECK(code_of([&] { IrqSet(function, VFIO_PCI_MSIX_IRQ_INDEX, 2049); }) == ErrorCode::kRange);
  CHECK(open_descriptors() == before);
}

TEST_CASE_FIXTURE(Fixture, "vectors that cannot be armed leave no descriptors behind") {
  const std::size_t before = open_descriptors();
  CHECK(code_of([&] { IrqSet(function, VFIO_PCI_MSIX_IRQ_INDEX, 4); }) == ErrorCode::kBusy);
  CHECK(open_descriptors() == before);
}

TEST_CASE_FIXTURE(Fixture, "a set is closed once, and at its end at the latest") {
  irqs->close();
  CHECK(device.armed_eventfds() == 0);
  IrqSet another(function, VFIO_PCI_MSIX_IRQ_INDEX, 2);
  irqs->close();
  irqs.reset();
  CHECK(device.armed_eventfds() == 2);
}

TEST_CASE_FIXTURE(Fixture,
                  "a set whose device is gone says so when it is closed, not when it ends") {
  SUBCASE("closed") {
    device.lose();
    CHECK(errno_of([&] { irqs->close(); }) == EIO);
  }
  SUBCASE("ended") {
    device.lose();
    CHECK_NOTHROW(irqs.reset());
  }
  CHECK(device.armed_eventfds() == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "a vector has one consumer at a time, and what came is for the next one") {
  const char borrower = 0;
  irqs->lend({1, 2}, &borrower);
  CHECK(code_of([&] { irqs->lend({0, 2}, &borrower); }) == ErrorCode::kBusy);
  CHECK_NOTHROW(irqs->check_consumer(0, nullptr));
  CHECK(code_of([&] { irqs->check_consumer(1, nullptr); }) == ErrorCode::kBusy);
  CHECK_NOTHROW(irqs->check_consumer(1, &borrower));

  raise(1);
  CHECK(irqs->take(1, nullptr) == 0);
  CHECK(irqs->take(1, &borrower) == 1);
  raise(1);
  irqs->revoke({1, 2});
  CHECK(irqs->take(1, &borrower) == 0);
  CHECK(code_of([&] { irqs->check_consumer(1, &borrower); }) == ErrorCode::kClosed);
  CHECK(code_of([&] { irqs->check_consumer(1, nullptr); }) == ErrorCode::kBusy);
  irqs->end_loan({1, 2});
  CHECK_NOTHROW(irqs->check_consumer(1, nullptr));
  CHECK(irqs->take(1, nullptr) == 1);
}
