// SPDX-License-Identifier: MIT
// Decodes the info structs of VFIO and the capability chains behind them. It trusts no byte: a
// chain that leaves its buffer or has a cycle, and a capability that claims more than it contains,
// throw Error kProtocol. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "vfio/backend.h"

namespace vfio {

using Bytes = std::span<const std::uint8_t>;

struct Capability {
  std::uint16_t id;
  std::uint16_t version;
  Bytes bytes;  // from its header to the end of the whole buffer
};

/// Follows a chain of vfio_info_cap_header from offset `first`. An offset of 0 ends the chain.
std::vector<Capability> walk_capabilities(Bytes info, std::uint32_t first);

/// Decodes the answer of VFIO_DEVICE_GET_REGION_INFO. Mappable areas are rounded inwards to
/// `page_size`, the page size of the host. The last area may end with the region, because the
/// kernel offers a BAR smaller than a page for mapping only if the BAR has its page to itself.
RegionInfo decode_region_info(Bytes info, std::uint64_t page_size);

/// Decodes the answer of VFIO_DEVICE_GET_PCI_HOT_RESET_INFO for a device that was opened through
/// its group.
std::vector<AffectedFunction> decode_hot_reset_info(Bytes info);

/// Decodes the answer of VFIO_IOMMU_GET_INFO for a container with a group in it.
Limits decode_type1_info(Bytes info);

}  // namespace vfio
