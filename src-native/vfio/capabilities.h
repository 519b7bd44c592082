// SPDX-License-Identifier: MIT
// The info structs of VFIO with the capability chains behind them, decoded from bytes. Nothing in
// the bytes is believed: a chain that leaves its buffer or turns back, and a capability that claims
// more than there is, throw Error kProtocol. Pure functions.
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

/// Follows a chain of vfio_info_cap_header from offset `first`; 0 ends it.
std::vector<Capability> walk_capabilities(Bytes info, std::uint32_t first);

/// What VFIO_DEVICE_GET_REGION_INFO answered. Mappable areas are rounded inwards to `page_size`,
/// the host's; the end of the region may end an area as well, because a BAR smaller than a page is
/// offered for mapping only when it has its page to itself.
RegionInfo decode_region_info(Bytes info, std::uint64_t page_size);

/// What VFIO_DEVICE_GET_PCI_HOT_RESET_INFO answered, of a device that was opened through its group.
std::vector<AffectedFunction> decode_hot_reset_info(Bytes info);

/// What VFIO_IOMMU_GET_INFO answered, of a container with a group in it.
Limits decode_type1_info(Bytes info);

}  // namespace vfio
