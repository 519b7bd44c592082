// SPDX-License-Identifier: MIT
#include "vfio/command_register.h"

#include "uapi/vfio.h"

namespace vfio {

namespace {

// PCI Local Bus 3.0, 6.2.2.
constexpr std::uint64_t kOffset = 0x04;
constexpr std::uint16_t kMemory = 1U << 1;
constexpr std::uint16_t kBusMaster = 1U << 2;
constexpr std::uint16_t kIntxDisable = 1U << 10;

}  // namespace

void CommandRegister::prepare() {
  change(kMemory, kBusMaster);
  force_intx_mask();
}

void CommandRegister::silence() { change(kIntxDisable, kBusMaster); }

bool CommandRegister::bus_master() const { return (read() & kBusMaster) != 0; }

void CommandRegister::set_bus_master(bool on) { change(on ? kBusMaster : 0, on ? 0 : kBusMaster); }

void CommandRegister::unmask_intx() { change(0, kIntxDisable); }

void CommandRegister::mask_intx() { change(kIntxDisable, 0); }

void CommandRegister::force_intx_mask() {
  unmask_intx();
  mask_intx();
}

void CommandRegister::change(std::uint16_t set, std::uint16_t clear) {
  backend_.write(VFIO_PCI_CONFIG_REGION_INDEX, kOffset, 2,
                 static_cast<std::uint16_t>((read() | set) & ~clear));
}

std::uint16_t CommandRegister::read() const {
  return static_cast<std::uint16_t>(backend_.read(VFIO_PCI_CONFIG_REGION_INDEX, kOffset, 2));
}

}  // namespace vfio
