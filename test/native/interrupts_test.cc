// SPDX-License-Identifier: MIT
// Arming and disarming of interrupts: refusals, and the state after the device is gone.
#include "vfio/interrupts.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <vector>

#include "command_bits.h"
#include "open_function.h"
#include "support.h"
#include "sys/file.h"
#include "uapi/vfio.h"

using namespace vfio;
using namespace vfio::testing;

TEST_CASE_FIXTURE(OpenFunction, "interrupts of a kind that the device has not are refused") {
  function->set_bus_master(true);
  CHECK(arming(VFIO_PCI_MSI_IRQ_INDEX, 1) == ErrorCode::kUnsupported);
  CHECK(arming(VFIO_PCI_ERR_IRQ_INDEX, 1) == ErrorCode::kUnsupported);
  CHECK(arming(99, 1) == ErrorCode::kUnsupported);
  CHECK(device.armed_eventfds() == 0);
}

TEST_CASE_FIXTURE(OpenFunction, "no vectors, and more than there are, are refused") {
  function->set_bus_master(true);
  CHECK(arming(VFIO_PCI_MSIX_IRQ_INDEX, 0) == ErrorCode::kRange);
  CHECK(arming(VFIO_PCI_MSIX_IRQ_INDEX, 5) == ErrorCode::kRange);
  CHECK(arming(VFIO_PCI_INTX_IRQ_INDEX, 2) == ErrorCode::kRange);
  CHECK(device.armed_eventfds() == 0);
  CHECK_FALSE(arming(VFIO_PCI_MSIX_IRQ_INDEX, 4));
  CHECK(device.armed_eventfds() == 4);
}

TEST_CASE_FIXTURE(OpenFunction, "message-signalled interrupts want bus mastering, INTx does not") {
  CHECK(arming(VFIO_PCI_MSIX_IRQ_INDEX, 1) == ErrorCode::kBusMaster);
  CHECK(device.armed_eventfds() == 0);
  CHECK_FALSE(arming(VFIO_PCI_INTX_IRQ_INDEX, 1));
  CHECK((device.command() & kCommandIntxDisable) == 0);
}

TEST_CASE_FIXTURE(OpenFunction, "interrupts are armed once, of one kind, until they are disarmed") {
  function->set_bus_master(true);
  arm(VFIO_PCI_MSIX_IRQ_INDEX, 2);
  std::vector<sys::UniqueFd> another;
  another.push_back(sys::make_eventfd());
  CHECK(code_of([&] { interrupts.arm(VFIO_PCI_MSIX_IRQ_INDEX, another); }) == ErrorCode::kBusy);
  CHECK(code_of([&] { interrupts.arm(VFIO_PCI_INTX_IRQ_INDEX, another); }) == ErrorCode::kBusy);
  CHECK(device.armed_eventfds() == 2);
  interrupts.disarm(VFIO_PCI_INTX_IRQ_INDEX);
  CHECK(device.armed_eventfds() == 2);
  interrupts.disarm(VFIO_PCI_MSIX_IRQ_INDEX);
  CHECK(device.armed_eventfds() == 0);
  CHECK_FALSE(arming(VFIO_PCI_MSIX_IRQ_INDEX, 4));
}

TEST_CASE_FIXTURE(OpenFunction, "disarming goes on past a step that fails, and says so") {
  arm(VFIO_PCI_INTX_IRQ_INDEX, 1);
  device.lose();
  CHECK(errno_of([&] { interrupts.disarm(VFIO_PCI_INTX_IRQ_INDEX); }) == EIO);
  CHECK(device.armed_eventfds() == 0);
}

TEST_CASE_FIXTURE(OpenFunction, "INTx that cannot be let through is not left armed") {
  device.lose();
  CHECK(errno_of([&] { arm(VFIO_PCI_INTX_IRQ_INDEX, 1); }) == EIO);
  CHECK(device.armed_eventfds() == 0);
}
