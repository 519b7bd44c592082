// SPDX-License-Identifier: MIT
#include "vfio/capabilities.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "uapi/vfio.h"
#include "vfio/errors.h"

namespace vfio {

namespace {

/// The range for kernels without IOVA_RANGE (before Linux 5.4). Every IOMMU translates it, and it
/// lies above the addresses where nothing should be mapped.
constexpr IovaRange kUsualRange{.first = 0x10000, .last = (std::uint64_t{1} << 39) - 1};

/// Regions lie in a file, and file offsets are signed.
constexpr std::uint64_t kLargestFile = std::numeric_limits<std::int64_t>::max();

[[noreturn]] void reject(const char* what) { throw Error(ErrorCode::kProtocol, what); }

/// Copies a struct, because the bytes may not be aligned for it.
template <typename T>
T read(Bytes bytes, std::size_t offset = 0) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) {
    reject("an info struct or a capability is truncated");
  }
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

/// Reads the array of `count` entries behind the fixed part of a capability.
template <typename T>
std::vector<T> read_array(Bytes bytes, std::size_t offset, std::uint32_t count) {
  if ((bytes.size() - offset) / sizeof(T) < count) {
    reject("a capability claims more entries than it contains");
  }
  std::vector<T> values(count);
  if (count > 0) std::memcpy(values.data(), bytes.data() + offset, count * sizeof(T));
  return values;
}

/// The areas of a region that can be mapped in whole pages.
class Mappable final {
 public:
  Mappable(std::uint64_t region_size, std::uint64_t page_size)
      : region_size_(region_size), page_size_(page_size) {}

  void add(std::uint64_t begin, std::uint64_t size) {
    if (begin > region_size_ || size > region_size_ - begin) {
      reject("a mappable area lies outside its region");
    }
    const std::uint64_t end = begin + size;
    const std::uint64_t first = std::max(round_up(begin), end_);
    const std::uint64_t last = end == region_size_ ? end : end - end % page_size_;
    if (first >= last) return;
    areas_.push_back({.begin = first, .size = last - first});
    end_ = last;
  }

  std::vector<Area> take() { return std::move(areas_); }

 private:
  std::uint64_t round_up(std::uint64_t value) const {
    const std::uint64_t over = value % page_size_;
    return over == 0 ? value : value - over + page_size_;
  }

  std::uint64_t region_size_;
  std::uint64_t page_size_;
  std::uint64_t end_ = 0;
  std::vector<Area> areas_;
};

std::vector<Area> sparse_areas(const Capability& capability, Mappable mappable) {
  using Header = vfio_region_info_cap_sparse_mmap;
  const auto header = read<Header>(capability.bytes);
  auto areas =
      read_array<vfio_region_sparse_mmap_area>(capability.bytes, sizeof(Header), header.nr_areas);
  std::sort(areas.begin(), areas.end(),
            [](const auto& left, const auto& right) { return left.offset < right.offset; });
  for (const auto& area : areas) mappable.add(area.offset, area.size);
  return mappable.take();
}

std::vector<IovaRange> iova_ranges(const Capability& capability) {
  using Header = vfio_iommu_type1_info_cap_iova_range;
  const auto header = read<Header>(capability.bytes);
  std::vector<IovaRange> ranges;
  for (const auto& range :
       read_array<vfio_iova_range>(capability.bytes, sizeof(Header), header.nr_iovas)) {
    const bool ascending = ranges.empty() || range.start > ranges.back().last;
    if (!ascending || range.start > range.end) reject("the IOVA ranges are not in order");
    ranges.push_back({.first = range.start, .last = range.end});
  }
  return ranges;
}

std::vector<Capability> capabilities_of(Bytes info, bool present, std::uint32_t first) {
  return present ? walk_capabilities(info, first) : std::vector<Capability>{};
}

}  // namespace

std::vector<Capability> walk_capabilities(Bytes info, std::uint32_t first) {
  // Two capabilities cannot share a header, so a chain longer than this has a cycle.
  const std::size_t most = info.size() / sizeof(vfio_info_cap_header);
  std::vector<Capability> found;
  for (std::uint32_t offset = first; offset != 0;) {
    if (found.size() == most) reject("a capability chain has a cycle");
    const auto header = read<vfio_info_cap_header>(info, offset);
    found.push_back({.id = header.id, .version = header.version, .bytes = info.subspan(offset)});
    offset = header.next;
  }
  return found;
}

RegionInfo decode_region_info(Bytes info, std::uint64_t page_size) {
  const auto fixed = read<vfio_region_info>(info);
  if (fixed.size > kLargestFile) reject("a region is larger than a file can be");
  RegionInfo region{.index = fixed.index,
                    .flags = fixed.flags,
                    .size = fixed.size,
                    .mappable = {},
                    .io_ports = false,
                    .prefetchable = false,
                    .type = {},
                    .subtype = {}};
  Mappable mappable(fixed.size, page_size);
  const bool can_map = (fixed.flags & VFIO_REGION_INFO_FLAG_MMAP) != 0;
  bool sparse = false;

  // MSIX_MAPPABLE needs no handling: a kernel without it lists the areas around the MSI-X table as
  // sparse areas.
  const bool chained = (fixed.flags & VFIO_REGION_INFO_FLAG_CAPS) != 0;
  for (const Capability& capability : capabilities_of(info, chained, fixed.cap_offset)) {
    if (capability.id == VFIO_REGION_INFO_CAP_SPARSE_MMAP && can_map) {
      region.mappable = sparse_areas(capability, mappable);
      sparse = true;
    } else if (capability.id == VFIO_REGION_INFO_CAP_TYPE) {
      const auto kind = read<vfio_region_info_cap_type>(capability.bytes);
      region.type = kind.type;
      region.subtype = kind.subtype;
    }
  }
  if (can_map && !sparse) {
    mappable.add(0, fixed.size);
    region.mappable = mappable.take();
  }
  return region;
}

std::vector<AffectedFunction> decode_hot_reset_info(Bytes info) {
  const auto fixed = read<vfio_pci_hot_reset_info>(info);
  std::vector<AffectedFunction> affected;
  for (std::uint32_t i = 0; i < fixed.count; ++i) {
    const std::size_t offset = sizeof fixed + std::size_t{i} * sizeof(vfio_pci_dependent_device);
    const auto device = read<vfio_pci_dependent_device>(info, offset);
    affected.push_back({.address = Address::of(device.segment, device.bus, device.devfn),
                        .group = static_cast<int>(device.group_id)});
  }
  return affected;
}

Limits decode_type1_info(Bytes info) {
  const auto fixed = read<vfio_iommu_type1_info>(info);
  const bool sizes = (fixed.flags & VFIO_IOMMU_INFO_PGSIZES) != 0;
  if (!sizes || fixed.iova_pgsizes == 0) reject("the IOMMU reports no page sizes");
  Limits limits{.attached = true,
                .ranges = {kUsualRange},
                .page_sizes = fixed.iova_pgsizes,
                .mappings_available = {}};
  const bool chained = (fixed.flags & VFIO_IOMMU_INFO_CAPS) != 0;
  for (const Capability& capability : capabilities_of(info, chained, fixed.cap_offset)) {
    if (capability.id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE) {
      limits.ranges = iova_ranges(capability);
    } else if (capability.id == VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL) {
      limits.mappings_available = read<vfio_iommu_type1_info_dma_avail>(capability.bytes).avail;
    }
  }
  return limits;
}

}  // namespace vfio
