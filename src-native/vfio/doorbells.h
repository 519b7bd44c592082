// SPDX-License-Identifier: MIT
// The pages of a function's regions that JavaScript stores to directly, without a call of the
// addon.
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

/// 32 bits of a region. `page` keeps them mapped.
struct Doorbell {
  std::shared_ptr<sys::DoorbellPage> page;  // null if the region cannot be mapped there
  std::uint8_t* address = nullptr;
};

/// Shares each page with the buffers that view it. Not thread-safe: Regions calls it under the
/// control lock of the Gate.
class Doorbells final {
 public:
  /// Returns nullopt if the area of the region cannot be mapped.
  using Map = std::function<std::optional<sys::Mapping>(std::uint32_t region, Area area)>;

  explicit Doorbells(Map map) : map_(std::move(map)) {}

  /// The doorbell at an offset of a region. Maps its page if it is not mapped yet.
  Doorbell at(const RegionInfo& region, std::uint64_t offset);

  /// Stores are lost until restore().
  void give_up() noexcept;

  /// Maps the pages again that were lost to bus errors or give_up(). If the device still does not
  /// answer, the next store to a page loses it again.
  void restore();

  /// From now on, stores are lost.
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
