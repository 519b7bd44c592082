// SPDX-License-Identifier: MIT
// An open function of the memory back end, for the tests of Function and of its parts.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "memory_backend.h"
#include "support.h"
#include "sys/file.h"
#include "vfio/function.h"

namespace vfio::testing {

inline const Address kFunctionAddress = Address::parse("0000:00:01.0");

struct OpenFunction {
  explicit OpenFunction(DeviceSpec spec = {.bars = {{.size = 0x4000},
                                                    {.size = 0x100, .mappable = false},
                                                    {.size = 0x1000, .writable = false}},
                                           .rom = 0x1000,
                                           .msix = 4})
      : machine({std::move(spec)}) {}

  Machine machine;
  MemoryDevice& device = machine.device(kFunctionAddress.text());
  std::shared_ptr<AddressSpace> space = std::make_shared<AddressSpace>(machine.open_container());
  std::shared_ptr<Function> function = Function::open(
      Registry::instance().claim_device(space, kFunctionAddress), {kFunctionAddress});
  Interrupts& interrupts = function->interrupts();
  Regions& regions = function->regions();

  void arm(std::uint32_t index, std::size_t count) {
    eventfds.clear();
    for (std::size_t i = 0; i < count; ++i) eventfds.push_back(sys::make_eventfd());
    interrupts.arm(index, eventfds);
  }
  std::optional<ErrorCode> arming(std::uint32_t index, std::size_t count) {
    return code_of([&] { arm(index, count); });
  }

  std::vector<sys::UniqueFd> eventfds;
};

}  // namespace vfio::testing
