// SPDX-License-Identifier: MIT
// Allocates I/O virtual addresses from the ranges that the kernel reports. It prefers addresses
// below 4 GiB, as the kernel's DMA API does, so that devices with 32 address bits can reach them. A
// freed address rests, so that a late DMA of a device faults instead of writing to another buffer.
// It is reused after all other addresses that suit the allocation, and the address that has rested
// longest is reused first. An exception: once enough bytes rest below 4 GiB (kEnoughRest), one of
// them is reused before an address above 4 GiB that was never used. Not thread-safe: the lock of
// AddressSpace covers it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "vfio/backend.h"

namespace vfio {

/// The constraints of an allocation.
struct IovaWish {
  std::uint64_t alignment = 1;         // a power of two
  std::uint64_t preferred = 1;         // a larger alignment, used if it does not shorten a rest
  std::uint64_t boundary = 0;          // must not cross a multiple of it: a power of two, or 0
  std::uint64_t highest = UINT64_MAX;  // the last address that the device reaches
};

class IovaAllocator final {
 public:
  /// The allocator chooses no address below this, so that a zeroed descriptor faults. Fixed
  /// addresses may lie below it.
  static constexpr std::uint64_t kLowest = 0x10000;
  /// It also chooses no address from here on: a JavaScript number could not hold such an address
  /// plus an offset exactly.
  static constexpr std::uint64_t kEnd = std::uint64_t{1} << 48;
  /// The end of the addresses that a device with 32 address bits reaches.
  static constexpr std::uint64_t kEndOfLow = std::uint64_t{1} << 32;
  /// This many bytes below 4 GiB must rest before one of them is reused in place of an address
  /// above 4 GiB. So at least this many bytes were freed after an address before it is reused.
  static constexpr std::uint64_t kEnoughRest = std::uint64_t{64} << 20;
  /// At most this many freed ranges rest; adjacent ranges count as one. Beyond that, the range that
  /// has rested longest becomes free, but the search reaches it last.
  static constexpr std::size_t kMostResting = 4096;

  /// Sets the ranges for future allocations. Existing allocations stay.
  void set_ranges(std::vector<IovaRange> ranges) { ranges_ = std::move(ranges); }

  /// Allocates `size` bytes and returns their IOVA. Throws Error kRange if no range is free.
  std::uint64_t allocate(std::uint64_t size, const IovaWish& wish);

  /// Allocates exactly [iova, iova + size), even if it rests. Throws Error kRange if it lies
  /// outside the ranges or is in use.
  void reserve(std::uint64_t iova, std::uint64_t size);

  /// Frees the allocation at `iova`, which then rests.
  void free(std::uint64_t iova);

  /// Whether [iova, iova + size) lies within the ranges, in use or not.
  bool inside(std::uint64_t iova, std::uint64_t size) const;

 private:
  /// Disjoint ranges, by their first address: first -> last.
  using Ranges = std::map<std::uint64_t, std::uint64_t>;

  std::optional<std::uint64_t> choose(std::uint64_t size, const IovaWish& wish);
  std::optional<std::uint64_t> search_from_cursor(IovaRange window, std::uint64_t size,
                                                  const IovaWish& wish) const;
  std::optional<std::uint64_t> search(IovaRange window, std::uint64_t size,
                                      const IovaWish& wish) const;
  std::optional<std::uint64_t> wake(IovaRange window, std::uint64_t size, const IovaWish& wish);
  bool has_room(IovaRange window, std::uint64_t size, const IovaWish& wish) const;
  std::uint64_t resting_bytes(IovaRange window) const;
  IovaRange release(IovaRange range);
  void wake_part(IovaRange range);
  void take(std::uint64_t iova, std::uint64_t size);
  bool is_used(IovaRange range) const;

  std::vector<IovaRange> ranges_;
  Ranges used_;
  Ranges free_{{0, UINT64_MAX}};   // neither in use nor resting; not limited to ranges_
  std::deque<IovaRange> resting_;  // the range that has rested longest first
  std::map<std::uint64_t, std::uint64_t> cursors_;  // by the last address of a window
};

}  // namespace vfio
