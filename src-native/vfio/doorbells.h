// SPDX-License-Identifier: MIT
// The pages of a function's regions that are mapped for stores without anything in between. Not
// thread-safe: used under the lock of its Function.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "sys/doorbell_page.h"
#include "vfio/backend.h"

namespace vfio {

/// 32 bits of a region; `page` keeps them mapped.
struct Doorbell {
  std::shared_ptr<sys::DoorbellPage> page;  // null: the region cannot be mapped there
  std::uint8_t* address = nullptr;
};

class Doorbells final {
 public:
  using Map = std::function<std::optional<sys::Mapping>(std::uint32_t region, Area area)>;

  /// The doorbell at an offset of a region; `map` maps its page, unless that is mapped already.
  Doorbell at(const RegionInfo& region, std::uint64_t offset, const Map& map);

  /// Until restore(), stores go nowhere.
  void give_up() noexcept;

  /// Maps again the pages that bus errors or give_up() took. Where the device still does not
  /// answer, the next store gives up its page once more.
  void restore(const Map& map);

  /// For ever: stores go nowhere.
  void tombstone() noexcept;

 private:
  struct Page {
    std::uint32_t region;
    Area area;
    std::shared_ptr<sys::DoorbellPage> page;
  };

  std::shared_ptr<sys::DoorbellPage> page_at(std::uint32_t region, Area area, const Map& map);

  std::vector<Page> pages_;
};

}  // namespace vfio
