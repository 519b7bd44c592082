// SPDX-License-Identifier: MIT
// Hands out I/O virtual addresses from the ranges the kernel reports. Next-fit: a freed IOVA rests
// until the cursor has gone round the whole space, so that a device's late DMA faults instead of
// landing in somebody else's buffer. Not thread-safe; AddressSpace's lock covers it.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "vfio/backend.h"

namespace vfio {

class IovaAllocator final {
 public:
  /// Below this nothing is handed out: a zeroed descriptor is to fault. Fixed addresses may use it.
  static constexpr std::uint64_t kLowest = 0x10000;
  /// Nor from here on: such an address would be no exact JavaScript number plus an offset.
  static constexpr std::uint64_t kEnd = std::uint64_t{1} << 48;

  /// What may be handed out from now on; what has been stays.
  void set_ranges(std::vector<IovaRange> ranges) { ranges_ = std::move(ranges); }

  /// A free range of `size` bytes at a multiple of `alignment` (a power of two). Throws Error
  /// kRange when there is none.
  std::uint64_t allocate(std::uint64_t size, std::uint64_t alignment);

  /// Takes exactly [iova, iova + size). Throws Error kRange when that is outside the ranges, or
  /// taken.
  void reserve(std::uint64_t iova, std::uint64_t size);

  /// Gives back what allocate or reserve took at `iova`.
  void free(std::uint64_t iova) { used_.erase(iova); }

  /// Whether [iova, iova + size) lies in the ranges, used or not.
  bool inside(std::uint64_t iova, std::uint64_t size) const;

 private:
  bool place(std::uint64_t first, std::uint64_t last, std::uint64_t size, std::uint64_t alignment,
             std::uint64_t& iova) const;

  std::vector<IovaRange> ranges_;
  std::map<std::uint64_t, std::uint64_t> used_;  // first -> last
  std::uint64_t cursor_ = kLowest;
};

}  // namespace vfio
