// SPDX-License-Identifier: MIT
// Target: any answer to VFIO_IOMMU_GET_INFO. Its ranges are ascending and disjoint, and the
// allocator chooses IOVAs within them.
#include <optional>

#include "target.h"
#include "vfio/capabilities.h"
#include "vfio/iova_allocator.h"

namespace vfio::fuzz {

namespace {

void check_order(const std::vector<IovaRange>& ranges) {
  std::optional<std::uint64_t> last;
  for (const IovaRange& range : ranges) {
    require(!last || range.first > *last, "ranges are in order and apart");
    require(range.first <= range.last, "a range does not end before it begins");
    last = range.last;
  }
}

void allocate(IovaAllocator& allocator, std::uint64_t size, std::uint64_t alignment) {
  accepted([&] {
    const std::uint64_t iova = allocator.allocate(size, {.alignment = alignment});
    require(allocator.inside(iova, size), "an IOVA lies in a range");
    require(iova % alignment == 0, "an IOVA is aligned");
    require(iova >= IovaAllocator::kLowest && iova + size <= IovaAllocator::kEnd,
            "an IOVA is an exact JavaScript number");
    require(!accepted([&] { allocator.reserve(iova, size); }), "an IOVA is allocated once");
  });
}

}  // namespace

void run(Input& input) {
  const unsigned shift = input.take<std::uint8_t>() % 40;
  accepted([&] {
    const Limits limits = decode_type1_info(input.rest());
    require(limits.attached && limits.page_sizes != 0, "an attached space has page sizes");
    check_order(limits.ranges);
    IovaAllocator allocator;
    allocator.set_ranges(limits.ranges);
    for (const std::uint64_t size : {1, 2, 3}) allocate(allocator, size << shift, 1ULL << shift);
  });
}

}  // namespace vfio::fuzz
