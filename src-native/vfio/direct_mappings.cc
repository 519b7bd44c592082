// SPDX-License-Identifier: MIT
#include "vfio/direct_mappings.h"

#include <algorithm>
#include <utility>

namespace vfio {

namespace {

/// The pages around `part`, as far as they can be mapped. nullopt if not all of `part` can be.
std::optional<Area> pages_around(const RegionInfo& region, Area part) {
  const std::uint64_t page = sys::page_size();
  const std::uint64_t begin = part.begin - part.begin % page;
  for (const Area& area : region.mappable) {
    const std::uint64_t end = area.begin + area.size;
    if (begin < area.begin || part.begin >= end || end - part.begin < part.size) continue;
    const std::uint64_t pages = (part.begin + part.size - begin + page - 1) / page;
    return Area{begin, std::min(pages * page, end - begin)};
  }
  return std::nullopt;
}

}  // namespace

DirectMemory DirectMappings::at(const RegionInfo& region, Area part) {
  const auto area = pages_around(region, part);
  if (!area) return {};
  auto mapping = mapping_of(region.index, *area);
  if (mapping == nullptr) return {};
  auto* const address = mapping->data() + (part.begin - area->begin);
  return {std::move(mapping), address};
}

std::shared_ptr<sys::DirectMapping> DirectMappings::mapping_of(std::uint32_t region, Area area) {
  for (const Known& known : known_) {
    const bool same = known.area.begin == area.begin && known.area.size == area.size;
    if (known.region == region && same) return known.mapping;
  }
  auto pages = map_(region, area);
  if (!pages) return nullptr;
  auto mapping = sys::DirectMapping::make(std::move(*pages));
  if (mapping != nullptr) known_.push_back({region, area, mapping});
  return mapping;
}

void DirectMappings::give_up() noexcept {
  for (const Known& each : known_) each.mapping->give_up();
}

void DirectMappings::restore() {
  for (const Known& lost : known_) {
    if (!lost.mapping->is_lost()) continue;
    if (auto fresh = map_(lost.region, lost.area)) lost.mapping->restore(std::move(*fresh));
  }
}

void DirectMappings::tombstone() noexcept {
  for (const Known& each : known_) each.mapping->tombstone();
  known_.clear();  // the JavaScript buffers keep their mappings
}

}  // namespace vfio
