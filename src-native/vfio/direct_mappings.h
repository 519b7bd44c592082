// SPDX-License-Identifier: MIT
// The parts of regions that JavaScript accesses directly: doorbells and views. The accesses do not
// call the addon.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "sys/direct_mapping.h"
#include "vfio/backend.h"

namespace vfio {

/// Bytes of a region. `mapping` keeps them mapped.
struct DirectPart {
  std::shared_ptr<sys::DirectMapping> mapping;  // null if the region cannot be mapped there
  std::uint8_t* address = nullptr;
};

/// Shares each mapping among the buffers that view it, which own it. Not thread-safe: Regions calls
/// it under the control lock of the Gate.
class DirectMappings final {
 public:
  /// Returns nullopt if the area of the region cannot be mapped.
  using Map = std::function<std::optional<sys::Mapping>(std::uint32_t region, Area area)>;

  explicit DirectMappings(Map map) : map_(std::move(map)) {}

  /// The bytes of `part` of a region. Maps their pages if no mapping that is still in use has them.
  DirectPart at(const RegionInfo& region, Area part);

  /// Accesses do not reach the device until restore().
  void give_up() noexcept;

  /// Maps again what was lost to bus errors or give_up(). If the device still does not answer, the
  /// next access to a mapping loses it again. A mapping that the kernel refuses now stays lost
  /// until the next call, or until at() is asked for it.
  void restore() noexcept;

  /// From now on, accesses do not reach the device.
  void tombstone() noexcept;

 private:
  struct Known {
    std::uint32_t region;
    Area area;
    /// Expired once the last buffer is gone: then nothing accesses the pages any longer.
    std::weak_ptr<sys::DirectMapping> mapping;
  };

  /// The mapping in use that contains `part`. Restores it if it was lost, or throws.
  std::optional<DirectPart> find(std::uint32_t region, Area part);
  void restore(const Known& known, sys::DirectMapping& mapping);
  DirectPart map(std::uint32_t region, Area area, Area part);

  const Map map_;
  std::vector<Known> known_;
};

}  // namespace vfio
