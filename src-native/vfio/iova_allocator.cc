// SPDX-License-Identifier: MIT
#include "vfio/iova_allocator.h"

#include <algorithm>
#include <string>

#include "vfio/errors.h"
#include "vfio/text.h"

namespace vfio {

namespace {

/// Rounds up; false when that passes 2^64.
bool align_up(std::uint64_t& value, std::uint64_t alignment) {
  const std::uint64_t mask = alignment - 1;
  if (value > UINT64_MAX - mask) return false;
  value = (value + mask) & ~mask;
  return true;
}

}  // namespace

/// The first free place of `size` bytes within [first, last].
bool IovaAllocator::place(std::uint64_t first, std::uint64_t last, std::uint64_t size,
                          std::uint64_t alignment, std::uint64_t& iova) const {
  iova = first;
  while (align_up(iova, alignment) && iova <= last && size - 1 <= last - iova) {
    auto next = used_.upper_bound(iova + (size - 1));
    if (next == used_.begin()) return true;
    const auto& [used_first, used_last] = *std::prev(next);
    if (used_last < iova) return true;
    if (used_last == UINT64_MAX) return false;
    iova = used_last + 1;
  }
  return false;
}

std::uint64_t IovaAllocator::allocate(std::uint64_t size, std::uint64_t alignment) {
  std::uint64_t iova = 0;
  // First from the cursor to the end, then from the start: so everything free is found.
  for (const std::uint64_t from : {cursor_, kLowest}) {
    for (const IovaRange& range : ranges_) {
      const std::uint64_t first = std::max(range.first, from);
      const std::uint64_t last = std::min(range.last, kEnd - 1);
      if (first > last || !place(first, last, size, alignment, iova)) continue;
      used_.emplace(iova, iova + (size - 1));
      cursor_ = iova + size;
      return iova;
    }
  }
  throw Error(ErrorCode::kRange, "no free IOVA range of " + std::to_string(size) + " bytes");
}

void IovaAllocator::reserve(std::uint64_t iova, std::uint64_t size) {
  if (!inside(iova, size)) {
    throw Error(ErrorCode::kRange, "IOVA " + hex(iova) + " + " + std::to_string(size) +
                                       " bytes lies outside the ranges the IOMMU can translate");
  }
  std::uint64_t found = 0;
  if (!place(iova, iova + (size - 1), size, 1, found)) {
    throw Error(ErrorCode::kRange, "IOVA " + hex(iova) + " + " + std::to_string(size) +
                                       " bytes overlaps a mapping that exists");
  }
  used_.emplace(iova, iova + (size - 1));
}

bool IovaAllocator::inside(std::uint64_t iova, std::uint64_t size) const {
  if (size == 0 || size - 1 > UINT64_MAX - iova) return false;
  const std::uint64_t last = iova + (size - 1);
  return std::any_of(ranges_.begin(), ranges_.end(), [&](const IovaRange& range) {
    return range.first <= iova && last <= range.last;
  });
}

}  // namespace vfio
