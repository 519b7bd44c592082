// SPDX-License-Identifier: MIT
#include "iova_model.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "vfio/errors.h"

namespace vfio::testing {

namespace {

/// Whether the allocator refuses, with the documented error.
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
  return kParts.at(page / kPartPages) + page % kPartPages * kPage;
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

/// Draws up to two ranges in each part, independent of the pages in use.
bool IovaModel::change_ranges() {
  last_step_ = "set_ranges";
  ranges_.clear();
  for (std::size_t part = 0; part < kParts.size(); ++part) {
    std::size_t page = part * kPartPages;
    const std::size_t end = page + kPartPages;
    for (int i = 0; i < 2; ++i) {
      const std::size_t first = page + draw_(kPartPages / 4);
      const std::size_t last = first + draw_(kPartPages);
      if (last >= end) break;
      ranges_.push_back({.first = iova_of(first), .last = iova_of(last) + (kPage - 1)});
      page = last + 1;
    }
  }
  allocator_.set_ranges(ranges_);
  return true;
}

IovaWish IovaModel::draw_wish() {
  constexpr std::array<std::uint64_t, 4> kHighest{
      UINT64_MAX, IovaAllocator::kEndOfLow - 1, (std::uint64_t{1} << 17) - 1,
      IovaAllocator::kEndOfLow + (kPartPages / 4 * kPage) - 1};
  return {.alignment = kPage << draw_(5),
          .preferred = kPage << draw_(7),
          .boundary = draw_(3) == 0 ? kPage << draw_(6) : 0,
          .highest = kHighest.at(draw_(kHighest.size()))};
}

bool IovaModel::allocate() {
  last_step_ = "allocate";
  const std::size_t count = 1 + draw_(12);
  const IovaWish wish = draw_wish();
  const auto expected = choose(count, wish);
  if (!expected) return is_refused([&] { allocator_.allocate(count * kPage, wish); });
  if (allocator_.allocate(count * kPage, wish) != iova_of(*expected)) return false;
  mark({*expected, count}, Page::kUsed);
  taken_[*expected] = count;
  return true;
}

bool IovaModel::reserve() {
  last_step_ = "reserve";
  const std::size_t page = draw_(pages_.size());
  const std::size_t count = 1 + draw_(12);
  bool possible = range_around({page, count}) != nullptr;
  for (std::size_t i = page; possible && i < page + count; ++i) {
    possible = pages_.at(i) != Page::kUsed;
  }
  if (!possible) {
    return is_refused([&] { allocator_.reserve(iova_of(page), count * kPage); });
  }
  allocator_.reserve(iova_of(page), count * kPage);
  wake_pages({page, count});
  mark({page, count}, Page::kUsed);
  taken_[page] = count;
  return true;
}

/// Reserves zero bytes, or more bytes than remain below 2^64.
bool IovaModel::reserve_nonsense() {
  last_step_ = "reserve of nothing, or past 2^64";
  const std::uint64_t iova = iova_of(draw_(pages_.size()));
  const std::uint64_t size = draw_(2) == 0 ? 0 : 0 - draw_(kPartPages * kPage) - 1;
  return is_refused([&] { allocator_.reserve(iova, size); });
}

bool IovaModel::free() {
  last_step_ = "free";
  if (taken_.empty()) return true;
  const auto chosen = std::next(taken_.begin(), static_cast<long>(draw_(taken_.size())));
  const auto [page, count] = *chosen;
  allocator_.free(iova_of(page));
  mark({page, count}, Page::kResting);
  taken_.erase(chosen);
  const bool extends = !resting_.empty() && page % kPartPages != 0 &&
                       resting_.back().page + resting_.back().count == page;
  if (extends) {
    resting_.back().count += count;
  } else {
    resting_.push_back({page, count});
  }
  return true;
}

const IovaRange* IovaModel::range_around(Run run) const {
  const auto [page, count] = run;
  if (page / kPartPages != (page + count - 1) / kPartPages) return nullptr;
  const std::uint64_t first = iova_of(page);
  const std::uint64_t last = iova_of(page + count - 1) + (kPage - 1);
  for (const IovaRange& range : ranges_) {
    if (range.first <= first && last <= range.last) return &range;
  }
  return nullptr;
}

bool IovaModel::is_free(Run run, bool resting_too) const {
  for (std::size_t i = 0; i < run.count; ++i) {
    const Page page = pages_.at(run.page + i);
    if (page == Page::kUsed || (page == Page::kResting && !resting_too)) return false;
  }
  return true;
}

/// Below 4 GiB first, then anywhere, then the pages that have rested longest. In the model, too few
/// bytes rest for kEnoughRest, so no resting page below 4 GiB is reused before a page above.
std::optional<std::size_t> IovaModel::choose(std::size_t count, const IovaWish& wish) {
  if (wish.boundary != 0 && count * kPage > wish.boundary) return std::nullopt;
  const IovaRange low{IovaAllocator::kLowest, std::min(wish.highest, IovaAllocator::kEndOfLow - 1)};
  const IovaRange whole{low.first, std::min(wish.highest, IovaAllocator::kEnd - 1)};
  auto page = search(low, count, wish);
  if (!page) page = search(whole, count, wish);
  if (!page && find(whole, count, wish, true)) {
    while (!page && wake_oldest(whole)) page = best(whole, count, wish);
  }
  if (!page) return std::nullopt;
  const std::uint64_t end = iova_of(*page) + count * kPage;
  cursors_[end <= IovaAllocator::kEndOfLow ? low.last : whole.last] = end;
  return page;
}

/// Searches from where the last search of this window ended, then from its start.
std::optional<std::size_t> IovaModel::search(IovaRange window, std::size_t count,
                                             const IovaWish& wish) {
  const std::uint64_t cursor = std::max(window.first, cursors_[window.last]);
  const auto page = best({cursor, window.last}, count, wish);
  return page ? page : best(window, count, wish);
}

/// With the preferred alignment if possible, else without.
std::optional<std::size_t> IovaModel::best(IovaRange window, std::size_t count,
                                           const IovaWish& wish) const {
  IovaWish aligned = wish;
  aligned.alignment = std::max(wish.alignment, wish.preferred);
  const auto page = find(window, count, aligned);
  return page ? page : find(window, count, wish);
}

/// The lowest free place in a window.
std::optional<std::size_t> IovaModel::find(IovaRange window, std::size_t count,
                                           const IovaWish& wish, bool resting_too) const {
  for (std::size_t page = 0; page + count <= pages_.size(); ++page) {
    const std::uint64_t iova = iova_of(page);
    const std::uint64_t last = iova + (count * kPage - 1);
    const bool offered =
        iova >= window.first && last <= window.last && last >= iova && iova % wish.alignment == 0;
    const bool crosses = wish.boundary != 0 && iova / wish.boundary != last / wish.boundary;
    if (offered && !crosses && range_around({page, count}) != nullptr &&
        is_free({page, count}, resting_too)) {
      return page;
    }
  }
  return std::nullopt;
}

/// Ends the rest of the oldest run that overlaps the window.
bool IovaModel::wake_oldest(IovaRange window) {
  for (std::size_t i = 0; i < resting_.size(); ++i) {
    const Run run = resting_[i];
    const std::uint64_t first = iova_of(run.page);
    const std::uint64_t last = first + (run.count * kPage - 1);
    if (first > window.last || last < window.first) continue;
    mark(run, Page::kFree);
    resting_.erase(resting_.begin() + static_cast<long>(i));
    return true;
  }
  return false;
}

/// Ends the rest of these pages only.
void IovaModel::wake_pages(Run run) {
  std::vector<Run> left;
  for (const Run& entry : resting_) {
    const std::size_t end = entry.page + entry.count;
    const std::size_t run_end = run.page + run.count;
    if (end <= run.page || run_end <= entry.page) {
      left.push_back(entry);
      continue;
    }
    if (entry.page < run.page) left.push_back({entry.page, run.page - entry.page});
    if (end > run_end) left.push_back({run_end, end - run_end});
  }
  resting_ = std::move(left);
}

void IovaModel::mark(Run run, Page state) {
  for (std::size_t i = 0; i < run.count; ++i) pages_.at(run.page + i) = state;
}

}  // namespace vfio::testing
