// SPDX-License-Identifier: MIT
// The command register of a device of the memory back end: each method changes only its own bits.
#include "vfio/command_register.h"

#include <doctest/doctest.h>

#include "command_bits.h"
#include "memory_backend.h"
#include "uapi/vfio.h"

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

/// Keeps what is written to the command register, which reads as masked whatever that is.
class CommandWrites final : public FunctionBackend {
 public:
  std::vector<std::uint64_t> written;

  std::uint64_t read(std::uint32_t, std::uint64_t, unsigned) override {
    return kCommandIo | kCommandIntxDisable;
  }
  void write(std::uint32_t region, std::uint64_t offset, unsigned width,
             std::uint64_t value) override {
    CHECK(region == VFIO_PCI_CONFIG_REGION_INDEX);
    CHECK(offset == 0x04);
    CHECK(width == 2);
    written.push_back(value);
  }

  FunctionInfo info() override { return {}; }
  std::optional<RegionInfo> region(std::uint32_t) override { return {}; }
  std::optional<IrqInfo> irq(std::uint32_t) override { return {}; }
  std::optional<sys::Mapping> map(const RegionInfo&, Area) override { return {}; }
  int set_irqs(const IrqRequest&) override { return 0; }
  void reset() override {}
  std::vector<AffectedFunction> hot_reset_info() override { return {}; }
  void hot_reset(const std::vector<sys::UniqueFd>&) override {}
  int change_fd() const noexcept override { return -1; }
  Change take_change() override { return {}; }
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

TEST_CASE("the mask of INTx is forced with two writes, although it reads as set") {
  CommandWrites writes;
  CommandRegister command(writes);
  command.force_intx_mask();
  CHECK(
      (writes.written == std::vector<std::uint64_t>{kCommandIo, kCommandIo | kCommandIntxDisable}));
}
