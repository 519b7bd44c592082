// SPDX-License-Identifier: MIT
// Allocates I/O virtual addresses from the ranges that the kernel reports. It takes those below 4
// GiB first, as the kernel's own DMA API does, so that a device of 32 bits reaches them. A freed
// address rests, so that a device's late DMA faults instead of landing in another buffer: it is
// used again after all others that the allocation may have, and the one that rested longest first.
// An address below 4 GiB is also used again before one above that was never used, once enough rests
// there (kEnoughRest). Not thread-safe; AddressSpace's lock covers it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "vfio/backend.h"

namespace vfio {

/// Where an allocation may lie.
struct IovaWish {
  std::uint64_t alignment = 1;         // a power of two
  std::uint64_t preferred = 1;         // another, which is kept where that costs no rest
  std::uint64_t boundary = 0;          // crosses no multiple of it: a power of two, or 0
  std::uint64_t highest = UINT64_MAX;  // the last address that the device reaches
};

class IovaAllocator final {
 public:
  /// Below this nothing is handed out: a zeroed descriptor is to fault. Fixed addresses may use it.
  static constexpr std::uint64_t kLowest = 0x10000;
  /// Nor from here on: such an address would be no exact JavaScript number plus an offset.
  static constexpr std::uint64_t kEnd = std::uint64_t{1} << 48;
  /// What every device of 32 address bits reaches.
  static constexpr std::uint64_t kEndOfLow = std::uint64_t{1} << 32;
  /// So many bytes below 4 GiB have to rest before one of them is used again in place of an address
  /// above: whoever gets it knows that this much was freed after it.
  static constexpr std::uint64_t kEnoughRest = std::uint64_t{64} << 20;
  /// So many freed ranges rest at most, adjacent ones as one. Those that rested longest are free
  /// again then, but the search comes to them last.
  static constexpr std::size_t kMostResting = 4096;

  /// What may be handed out from now on; what has been stays.
  void set_ranges(std::vector<IovaRange> ranges) { ranges_ = std::move(ranges); }

  /// A range of `size` bytes that is not in use. Throws Error kRange when there is none.
  std::uint64_t allocate(std::uint64_t size, const IovaWish& wish);

  /// Takes exactly [iova, iova + size), resting or not. Throws Error kRange when that is outside
  /// the ranges, or in use.
  void reserve(std::uint64_t iova, std::uint64_t size);

  /// Gives back what allocate or reserve took at `iova`; it rests.
  void free(std::uint64_t iova);

  /// Whether [iova, iova + size) lies in the ranges, used or not.
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
  Ranges free_{{0, UINT64_MAX}};   // neither used nor resting, whatever the ranges are
  std::deque<IovaRange> resting_;  // the one that rested longest first
  std::map<std::uint64_t, std::uint64_t> cursors_;  // by the last address of a window
};

}  // namespace vfio
