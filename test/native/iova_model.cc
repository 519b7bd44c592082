// SPDX-License-Identifier: MIT
#include "iova_model.h"

#include <iterator>
#include <utility>

#include "vfio/errors.h"

namespace vfio::testing {

namespace {

/// Whether the allocator refuses, and as it says it does.
template <typename Action>
bool is_refused(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code() == ErrorCode::kRange;
  }
  return false;
}

}  // namespace

IovaModel::IovaModel(Draw draw) : draw_(std::move(draw)) { change_ranges(); }

std::uint64_t IovaModel::iova_of(std::size_t page) {
  return kWindows.at(page / kWindowPages) + page % kWindowPages * kPage;
}

bool IovaModel::step() {
  switch (draw_(16)) {
    case 0:
      return draw_(64) == 0 ? change_ranges() : allocate();
    case 1:
      return reserve_nonsense();
    case 2:
    case 3:
    case 4:
      return reserve();
    case 5:
    case 6:
    case 7:
    case 8:
    case 9:
      return free();
    default:
      return allocate();
  }
}

/// Up to two ranges in each window, whatever is in use.
bool IovaModel::change_ranges() {
  last_step_ = "set_ranges";
  ranges_.clear();
  for (std::size_t window = 0; window < kWindows.size(); ++window) {
    std::size_t page = window * kWindowPages;
    const std::size_t end = page + kWindowPages;
    for (int i = 0; i < 2; ++i) {
      const std::size_t first = page + draw_(kWindowPages / 4);
      const std::size_t last = first + draw_(kWindowPages);
      if (last >= end) break;
      ranges_.push_back({.first = iova_of(first), .last = iova_of(last) + (kPage - 1)});
      page = last + 1;
    }
  }
  allocator_.set_ranges(ranges_);
  return true;
}

bool IovaModel::allocate() {
  last_step_ = "allocate";
  const std::size_t count = 1 + draw_(12);
  const std::uint64_t alignment = kPage << draw_(6);
  auto expected = find(count, alignment, cursor_);
  if (!expected) expected = find(count, alignment, IovaAllocator::kLowest);
  if (!expected) return is_refused([&] { allocator_.allocate(count * kPage, alignment); });
  if (allocator_.allocate(count * kPage, alignment) != iova_of(*expected)) return false;
  take(*expected, count);
  cursor_ = iova_of(*expected) + count * kPage;
  return true;
}

bool IovaModel::reserve() {
  last_step_ = "reserve";
  const std::size_t page = draw_(used_.size());
  const std::size_t count = 1 + draw_(12);
  const bool possible = range_around(page, count) != nullptr && is_free(page, count);
  if (!possible) {
    return is_refused([&] { allocator_.reserve(iova_of(page), count * kPage); });
  }
  allocator_.reserve(iova_of(page), count * kPage);
  take(page, count);
  return true;
}

/// No bytes, and more than there are.
bool IovaModel::reserve_nonsense() {
  last_step_ = "reserve of nothing, or past 2^64";
  const std::uint64_t iova = iova_of(draw_(used_.size()));
  const std::uint64_t size = draw_(2) == 0 ? 0 : 0 - draw_(kWindowPages * kPage) - 1;
  return is_refused([&] { allocator_.reserve(iova, size); });
}

bool IovaModel::free() {
  last_step_ = "free";
  if (taken_.empty()) return true;
  const auto chosen = std::next(taken_.begin(), static_cast<long>(draw_(taken_.size())));
  const auto [page, count] = *chosen;
  allocator_.free(iova_of(page));
  for (std::size_t i = 0; i < count; ++i) used_.reset(page + i);
  taken_.erase(chosen);
  return true;
}

const IovaRange* IovaModel::range_around(std::size_t page, std::size_t count) const {
  if (page / kWindowPages != (page + count - 1) / kWindowPages) return nullptr;
  const std::uint64_t first = iova_of(page);
  const std::uint64_t last = iova_of(page + count - 1) + (kPage - 1);
  for (const IovaRange& range : ranges_) {
    if (range.first <= first && last <= range.last) return &range;
  }
  return nullptr;
}

bool IovaModel::is_free(std::size_t page, std::size_t count) const {
  for (std::size_t i = 0; i < count; ++i) {
    if (used_.test(page + i)) return false;
  }
  return true;
}

/// The lowest free place at or above `from` for which the allocator may be asked.
std::optional<std::size_t> IovaModel::find(std::size_t count, std::uint64_t alignment,
                                           std::uint64_t from) const {
  for (std::size_t page = 0; page + count <= used_.size(); ++page) {
    if (used_.test(page)) continue;
    const std::uint64_t iova = iova_of(page);
    const bool offered = iova >= from && iova % alignment == 0 && iova < IovaAllocator::kEnd &&
                         IovaAllocator::kEnd - iova >= count * kPage;
    if (offered && range_around(page, count) != nullptr && is_free(page, count)) return page;
  }
  return std::nullopt;
}

void IovaModel::take(std::size_t page, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) used_.set(page + i);
  taken_[page] = count;
}

}  // namespace vfio::testing
