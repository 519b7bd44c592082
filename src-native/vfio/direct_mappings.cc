// SPDX-License-Identifier: MIT
#include "vfio/direct_mappings.h"

#include <algorithm>
#include <utility>

#include "vfio/attempt.h"

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

bool contains(Area whole, Area part) {
  return part.begin >= whole.begin && part.begin + part.size <= whole.begin + whole.size;
}

DirectPart part_of(std::shared_ptr<sys::DirectMapping> mapping, Area area, Area part) {
  auto* const address = mapping->data() + (part.begin - area.begin);
  return {std::move(mapping), address};
}

}  // namespace

DirectPart DirectMappings::at(const RegionInfo& region, Area part) {
  const auto area = pages_around(region, part);
  if (!area) return {};
  std::erase_if(known_, [](const Known& known) { return known.mapping.expired(); });
  if (auto found = find(region.index, part)) return std::move(*found);
  return map(region.index, *area, part);
}

std::optional<DirectPart> DirectMappings::find(std::uint32_t region, Area part) {
  for (const Known& known : known_) {
    if (known.region != region || !contains(known.area, part)) continue;
    auto mapping = known.mapping.lock();
    if (mapping == nullptr) continue;
    restore(known, *mapping);
    return part_of(std::move(mapping), known.area, part);
  }
  return std::nullopt;
}

void DirectMappings::restore(const Known& known, sys::DirectMapping& mapping) {
  if (!mapping.is_lost()) return;
  if (auto fresh = map_(known.region, known.area)) mapping.restore(std::move(*fresh));
}

DirectPart DirectMappings::map(std::uint32_t region, Area area, Area part) {
  auto pages = map_(region, area);
  if (!pages) return {};
  auto mapping = sys::DirectMapping::make(std::move(*pages));
  if (mapping == nullptr) return {};
  known_.push_back({region, area, mapping});
  return part_of(std::move(mapping), area, part);
}

void DirectMappings::give_up() noexcept {
  for (const Known& known : known_) {
    if (const auto mapping = known.mapping.lock()) mapping->give_up();
  }
}

void DirectMappings::restore() noexcept {
  for (const Known& known : known_) {
    if (const auto mapping = known.mapping.lock()) attempt([&] { restore(known, *mapping); });
  }
}

void DirectMappings::tombstone() noexcept {
  for (const Known& known : known_) {
    if (const auto mapping = known.mapping.lock()) mapping->tombstone();
  }
  known_.clear();  // the JavaScript buffers keep their mappings
}

}  // namespace vfio
