// SPDX-License-Identifier: MIT
// The command register of a device of the memory back end: each method changes only its own bits.
#include "vfio/command_register.h"

#include <doctest/doctest.h>

#include "command_bits.h"
#include "memory_backend.h"

using namespace vfio;
using namespace vfio::testing;

namespace {

struct Fixture {
  Machine machine{{DeviceSpec{.command = kCommandIo | kCommandBusMaster}}};
  MemoryDevice& device = machine.device("0000:00:01.0");
  std::unique_ptr<AddressSpaceBackend> space = machine.open_container();
  std::unique_ptr<FunctionBackend> function =
      space->open({Address::parse("0000:00:01.0")}, 1,
                  [](const std::function<void()>& step, const auto&) { step(); });
  CommandRegister command{*function};
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a prepared device decodes memory, writes none and raises no INTx") {
  command.prepare();
  CHECK(device.command() == (kCommandIo | kCommandMemory | kCommandIntxDisable));
}

TEST_CASE_FIXTURE(Fixture, "a silenced device neither writes memory nor raises INTx") {
  command.silence();
  CHECK(device.command() == (kCommandIo | kCommandIntxDisable));
}

TEST_CASE_FIXTURE(Fixture, "bus master is set and cleared alone") {
  CHECK(command.bus_master());
  command.set_bus_master(false);
  CHECK_FALSE(command.bus_master());
  CHECK(device.command() == kCommandIo);
  command.set_bus_master(true);
  CHECK(device.command() == (kCommandIo | kCommandBusMaster));
}

TEST_CASE_FIXTURE(Fixture, "INTx is masked and unmasked alone") {
  command.mask_intx();
  CHECK(device.command() == (kCommandIo | kCommandBusMaster | kCommandIntxDisable));
  command.unmask_intx();
  CHECK(device.command() == (kCommandIo | kCommandBusMaster));
  command.force_intx_mask();
  CHECK(device.command() == (kCommandIo | kCommandBusMaster | kCommandIntxDisable));
}
