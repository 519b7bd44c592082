// SPDX-License-Identifier: MIT
// The pages of a function's regions that JavaScript stores to directly, without a call of ours.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "sys/doorbell_page.h"
#include "vfio/backend.h"

namespace vfio {

/// 32 bits of a region; `page` keeps them mapped.
struct Doorbell {
  std::shared_ptr<sys::DoorbellPage> page;  // null: the region cannot be mapped there
  std::uint8_t* address = nullptr;
};

/// Shares each page with the buffers over it. Not thread-safe: its Regions use it under Gate's
/// control lock.
class Doorbells final {
 public:
  /// Nothing where the region cannot be mapped.
  using Map = std::function<std::optional<sys::Mapping>(std::uint32_t region, Area area)>;

  explicit Doorbells(Map map) : map_(std::move(map)) {}

  /// The doorbell at an offset of a region. Maps its page unless that is mapped already.
  Doorbell at(const RegionInfo& region, std::uint64_t offset);

  /// Until restore(), stores go nowhere.
  void give_up() noexcept;

  /// Maps again the pages that bus errors or give_up() took away. If the device still does not
  /// answer, the next store gives up its page again.
  void restore();

  /// From now on stores go nowhere.
  void tombstone() noexcept;

 private:
  struct Page {
    std::uint32_t region;
    Area area;
    std::shared_ptr<sys::DoorbellPage> page;
  };

  std::shared_ptr<sys::DoorbellPage> page_at(std::uint32_t region, Area area);

  const Map map_;
  std::vector<Page> pages_;
};

}  // namespace vfio
