// SPDX-License-Identifier: MIT
// Target: any text as the sysfs link to a device's IOMMU group. It is the number of a group, or
// refused.
#include "hostile_kernel.h"
#include "target.h"
#include "vfio/type1/address_space.h"

namespace vfio::fuzz {

void run(Input& input) {
  answer_from(input);
  accepted([&] {
    const auto space = open_type1();
    const auto group = space->group_of(Address::parse("0000:01:00.0"));
    require(group.value() >= 0, "a group is a number from 0 on");
  });
}

}  // namespace vfio::fuzz
