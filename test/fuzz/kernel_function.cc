// SPDX-License-Identifier: MIT
// Target: any answers of a device's descriptor. Its info has bounds and belongs to the requested
// index, and each access and mapping works or is refused.
#include "vfio/kernel_function.h"

#include <fcntl.h>

#include "hostile_kernel.h"
#include "sys/file.h"
#include "target.h"

namespace vfio::fuzz {

namespace {

void use_region(KernelFunction& function, const RegionInfo& region, Input& input) {
  const auto offset = input.take<std::uint64_t>();
  const unsigned width = 1U << (input.take<std::uint8_t>() % 4);
  accepted([&] { function.read(region.index, offset, width); });
  accepted([&] { function.write(region.index, offset, width, offset); });
  for (const Area& area : region.mappable) {
    accepted([&] {
      const auto mapping = function.map(region, area);
      require(!mapping || mapping->size() == area.size, "a mapping has its size");
    });
  }
}

}  // namespace

void run(Input& input) {
  answer_from(input);
  accepted([&] {
    KernelFunction function(sys::open_file("device", O_RDWR), "device");
    const FunctionInfo info = function.info();
    for (std::uint32_t i = 0; i < info.num_regions; ++i) {
      const auto region = function.region(i);
      if (!region) continue;
      require(region->index == i, "a region is the one that was asked for");
      use_region(function, *region, input);
    }
    for (std::uint32_t i = 0; i < info.num_irqs; ++i) {
      const auto irq = function.irq(i);
      require(!irq || irq->index == i, "an interrupt is the one that was asked for");
    }
    require(!function.region(info.num_regions), "there is no region behind the last");
    accepted([&] { function.reset(); });
    function.take_change();
  });
}

}  // namespace vfio::fuzz
