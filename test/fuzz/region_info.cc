// SPDX-License-Identifier: MIT
// Target: any answer to VFIO_DEVICE_GET_REGION_INFO. The mappable areas lie in the region,
// ascending and disjoint, and consist of whole pages, except at the end of the region.
#include "target.h"
#include "vfio/capabilities.h"

namespace vfio::fuzz {

void run(Input& input) {
  constexpr std::uint64_t kPage = 0x1000;
  accepted([&] {
    const RegionInfo region = decode_region_info(input.rest(), kPage);
    std::uint64_t end = 0;
    for (const Area& area : region.mappable) {
      require(area.size > 0 && area.begin >= end, "areas are in order and apart");
      require(area.begin < region.size && area.size <= region.size - area.begin,
              "an area lies in its region");
      end = area.begin + area.size;
      require(area.begin % kPage == 0, "an area begins with a page");
      require(end % kPage == 0 || end == region.size, "an area ends with a page or its region");
    }
  });
}

}  // namespace vfio::fuzz
