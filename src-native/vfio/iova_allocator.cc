// SPDX-License-Identifier: MIT
#include "vfio/iova_allocator.h"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "vfio/errors.h"
#include "vfio/text.h"

namespace vfio {

namespace {

/// Rounds up. Returns false if the result would pass 2^64.
bool align_up(std::uint64_t& value, std::uint64_t alignment) {
  const std::uint64_t mask = alignment - 1;
  if (value > UINT64_MAX - mask) return false;
  value = (value + mask) & ~mask;
  return true;
}

bool overlap(IovaRange left, IovaRange right) {
  return left.first <= right.last && right.first <= left.last;
}

/// The intersection. It is empty, with `first` greater than `last`, if the ranges do not overlap.
IovaRange common(IovaRange left, IovaRange right) {
  return {.first = std::max(left.first, right.first), .last = std::min(left.last, right.last)};
}

/// The first place for `size` bytes in a range.
std::optional<std::uint64_t> place(IovaRange range, std::uint64_t size, std::uint64_t alignment,
                                   std::uint64_t boundary) {
  std::uint64_t iova = range.first;
  if (!align_up(iova, alignment)) return std::nullopt;
  const bool crosses = boundary != 0 && (iova ^ (iova + (size - 1))) >= boundary;
  if (crosses && !align_up(iova, boundary)) return std::nullopt;
  if (iova > range.last || size - 1 > range.last - iova) return std::nullopt;
  return iova;
}

/// The addresses below 4 GiB that the device reaches.
IovaRange low_window(const IovaWish& wish) {
  return {.first = IovaAllocator::kLowest,
          .last = std::min(wish.highest, IovaAllocator::kEndOfLow - 1)};
}

/// All addresses that the device reaches.
IovaRange whole_window(const IovaWish& wish) {
  return {.first = IovaAllocator::kLowest, .last = std::min(wish.highest, IovaAllocator::kEnd - 1)};
}

Error no_room(std::uint64_t size, const IovaWish& wish) {
  std::string message = "no free IOVA range of " + std::to_string(size) + " bytes";
  if (wish.alignment > 1) message += " aligned to " + hex(wish.alignment);
  if (wish.boundary != 0) message += " that crosses no multiple of " + hex(wish.boundary);
  message += " is left";
  if (wish.highest < IovaAllocator::kEnd - 1) {
    const std::string bits = std::to_string(std::bit_width(wish.highest));
    message += " below 2^" + bits + ", the limit of a device with " + bits + " address bits";
  }
  return {ErrorCode::kRange, message};
}

}  // namespace

std::uint64_t IovaAllocator::allocate(std::uint64_t size, const IovaWish& wish) {
  if (wish.boundary != 0 && size > wish.boundary) throw no_room(size, wish);
  const auto iova = choose(size, wish);
  if (!iova) throw no_room(size, wish);
  take(*iova, size);
  const bool is_low = *iova + (size - 1) < kEndOfLow;
  cursors_[(is_low ? low_window(wish) : whole_window(wish)).last] = *iova + size;
  return *iova;
}

std::optional<std::uint64_t> IovaAllocator::choose(std::uint64_t size, const IovaWish& wish) {
  const IovaRange low = low_window(wish);
  const IovaRange whole = whole_window(wish);
  if (const auto iova = search_from_cursor(low, size, wish)) return iova;
  if (resting_bytes(low) >= kEnoughRest) {
    if (const auto iova = wake(low, size, wish)) return iova;
  }
  if (const auto iova = search_from_cursor(whole, size, wish)) return iova;
  return wake(whole, size, wish);
}

/// Searches from where the last search of this window ended, then from its start. So the addresses
/// that were freed most recently come last.
std::optional<std::uint64_t> IovaAllocator::search_from_cursor(IovaRange window, std::uint64_t size,
                                                               const IovaWish& wish) const {
  const auto cursor = cursors_.find(window.last);
  if (cursor != cursors_.end()) {
    const auto iova = search({.first = cursor->second, .last = window.last}, size, wish);
    if (iova) return iova;
  }
  return search(window, size, wish);
}

/// The first free place in a window with the preferred alignment, or else the first one at all.
std::optional<std::uint64_t> IovaAllocator::search(IovaRange window, std::uint64_t size,
                                                   const IovaWish& wish) const {
  std::optional<std::uint64_t> first;
  for (const IovaRange& range : ranges_) {
    const IovaRange within = common(range, window);
    if (within.first > within.last) continue;
    auto next = free_.upper_bound(within.first);
    if (next != free_.begin()) --next;
    for (; next != free_.end() && next->first <= within.last; ++next) {
      const IovaRange part = common({.first = next->first, .last = next->second}, within);
      if (part.first > part.last) continue;
      const std::uint64_t best = std::max(wish.preferred, wish.alignment);
      if (const auto iova = place(part, size, best, wish.boundary)) return iova;
      if (!first) first = place(part, size, wish.alignment, wish.boundary);
    }
  }
  return first;
}

/// Ends the rest of the ranges that have rested longest, until there is a place.
std::optional<std::uint64_t> IovaAllocator::wake(IovaRange window, std::uint64_t size,
                                                 const IovaWish& wish) {
  // A request that cannot be met would end every rest in vain.
  if (!has_room(window, size, wish)) return std::nullopt;
  for (auto entry = resting_.begin(); entry != resting_.end();) {
    if (!overlap(*entry, window)) {
      ++entry;
      continue;
    }
    const IovaRange grown = release(*entry);
    entry = resting_.erase(entry);
    // Only this free range has grown.
    if (const auto iova = search(common(grown, window), size, wish)) return iova;
  }
  return std::nullopt;
}

/// Whether there would be a place if nothing rested.
bool IovaAllocator::has_room(IovaRange window, std::uint64_t size, const IovaWish& wish) const {
  const auto fits = [&](std::uint64_t first, std::uint64_t last) {
    return first <= last &&
           place({.first = first, .last = last}, size, wish.alignment, wish.boundary);
  };
  for (const IovaRange& range : ranges_) {
    const IovaRange within = common(range, window);
    if (within.first > within.last) continue;
    std::uint64_t first = within.first;
    bool ended = false;
    for (const auto& [used_first, used_last] : used_) {
      if (used_last < first) continue;
      if (used_first > within.last) break;
      if (used_first > first && fits(first, used_first - 1)) return true;
      ended = used_last >= within.last;
      if (ended) break;
      first = used_last + 1;
    }
    if (!ended && fits(first, within.last)) return true;
  }
  return false;
}

std::uint64_t IovaAllocator::resting_bytes(IovaRange window) const {
  std::uint64_t bytes = 0;
  for (const IovaRange& entry : resting_) {
    const IovaRange part = common(entry, window);
    if (part.first <= part.last) bytes += part.last - part.first + 1;
  }
  return bytes;
}

/// Makes a range free, and returns the whole free range that it is now part of.
IovaRange IovaAllocator::release(IovaRange range) {
  auto next = free_.upper_bound(range.first);
  if (next != free_.end() && range.last != UINT64_MAX && next->first == range.last + 1) {
    range.last = next->second;
    next = free_.erase(next);
  }
  if (next != free_.begin()) {
    const auto before = std::prev(next);
    if (range.first != 0 && before->second == range.first - 1) {
      before->second = range.last;
      return {.first = before->first, .last = range.last};
    }
  }
  free_.emplace_hint(next, range.first, range.last);
  return range;
}

void IovaAllocator::reserve(std::uint64_t iova, std::uint64_t size) {
  if (!inside(iova, size)) {
    throw Error(ErrorCode::kRange,
                "IOVA " + hex(iova) + " + " + std::to_string(size) +
                    " bytes lies outside the ranges that the IOMMU can translate");
  }
  const IovaRange range{.first = iova, .last = iova + (size - 1)};
  if (is_used(range)) {
    throw Error(ErrorCode::kRange, "IOVA " + hex(iova) + " + " + std::to_string(size) +
                                       " bytes overlaps an existing mapping");
  }
  wake_part(range);
  take(iova, size);
}

/// Ends the rest of this range only.
void IovaAllocator::wake_part(IovaRange range) {
  std::deque<IovaRange> left;
  for (const IovaRange& entry : resting_) {
    if (!overlap(entry, range)) {
      left.push_back(entry);
      continue;
    }
    if (entry.first < range.first) left.push_back({.first = entry.first, .last = range.first - 1});
    if (entry.last > range.last) left.push_back({.first = range.last + 1, .last = entry.last});
    release(common(entry, range));
  }
  resting_ = std::move(left);
}

/// Moves a range from the free ranges to the used ones.
void IovaAllocator::take(std::uint64_t iova, std::uint64_t size) {
  const std::uint64_t last = iova + (size - 1);
  const auto around = std::prev(free_.upper_bound(iova));
  const IovaRange whole{.first = around->first, .last = around->second};
  used_.emplace(iova, last);
  if (last < whole.last) free_.emplace(last + 1, whole.last);
  if (whole.first < iova) {
    around->second = iova - 1;
  } else {
    free_.erase(around);
  }
}

void IovaAllocator::free(std::uint64_t iova) {
  const auto used = used_.find(iova);
  if (used == used_.end()) return;
  const IovaRange range{.first = used->first, .last = used->second};
  used_.erase(used);
  // A resting range only grows upwards, so its lowest address is also the one that has rested
  // longest.
  const bool extends =
      range.first != 0 && !resting_.empty() && resting_.back().last == range.first - 1;
  if (extends) {
    resting_.back().last = range.last;
    return;
  }
  resting_.push_back(range);
  if (resting_.size() <= kMostResting) return;
  release(resting_.front());
  resting_.pop_front();
}

bool IovaAllocator::is_used(IovaRange range) const {
  const auto next = used_.upper_bound(range.last);
  return next != used_.begin() && std::prev(next)->second >= range.first;
}

bool IovaAllocator::inside(std::uint64_t iova, std::uint64_t size) const {
  if (size == 0 || size - 1 > UINT64_MAX - iova) return false;
  const std::uint64_t last = iova + (size - 1);
  return std::any_of(ranges_.begin(), ranges_.end(), [&](const IovaRange& range) {
    return range.first <= iova && last <= range.last;
  });
}

}  // namespace vfio
