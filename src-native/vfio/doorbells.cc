// SPDX-License-Identifier: MIT
#include "vfio/doorbells.h"

#include <algorithm>
#include <utility>

namespace vfio {

namespace {

/// The part of the page around the 32 bits at `offset` that can be mapped, if they can be mapped.
std::optional<Area> page_around(const RegionInfo& region, std::uint64_t offset) {
  const std::uint64_t size = sys::page_size();
  const std::uint64_t begin = offset - offset % size;
  for (const Area& area : region.mappable) {
    const std::uint64_t end = area.begin + area.size;
    if (begin < area.begin || offset >= end || end - offset < sizeof(std::uint32_t)) continue;
    return Area{begin, std::min(size, end - begin)};
  }
  return std::nullopt;
}

}  // namespace

Doorbell Doorbells::at(const RegionInfo& region, std::uint64_t offset) {
  const auto area = page_around(region, offset);
  if (!area) return {};
  auto page = page_at(region.index, *area);
  if (page == nullptr) return {};
  auto* const address = page->data() + (offset - area->begin);
  return {std::move(page), address};
}

std::shared_ptr<sys::DoorbellPage> Doorbells::page_at(std::uint32_t region, Area area) {
  for (const Page& known : pages_) {
    if (known.region == region && known.area.begin == area.begin) return known.page;
  }
  auto mapping = map_(region, area);
  if (!mapping) return nullptr;
  auto page = sys::DoorbellPage::make(std::move(*mapping));
  if (page != nullptr) pages_.push_back({region, area, page});
  return page;
}

void Doorbells::give_up() noexcept {
  for (const Page& each : pages_) each.page->give_up();
}

void Doorbells::restore() {
  for (const Page& lost : pages_) {
    if (!lost.page->is_lost()) continue;
    if (auto fresh = map_(lost.region, lost.area)) lost.page->restore(std::move(*fresh));
  }
}

void Doorbells::tombstone() noexcept {
  for (const Page& each : pages_) each.page->tombstone();
  pages_.clear();  // the JavaScript buffers keep their pages
}

}  // namespace vfio
