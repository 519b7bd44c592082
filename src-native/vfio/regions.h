// SPDX-License-Identifier: MIT
// The regions of an open function: their registers, mapped windows, and what JavaScript accesses
// directly.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "sys/mapping.h"
#include "vfio/backend.h"
#include "vfio/direct_mappings.h"
#include "vfio/gate.h"

namespace vfio {

/// The mapped registers of a region: the register at an offset in [begin, end) lies at base +
/// offset.
struct Window {
  volatile std::uint8_t* base = nullptr;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// Owned by a Function, whose gate and back end outlive it. It owns the mappings of the windows and
/// shares each direct mapping with the buffers that view it.
class Regions final {
 public:
  Regions(Gate& gate, FunctionBackend& backend);
  Regions(const Regions&) = delete;
  Regions& operator=(const Regions&) = delete;

  /// nullopt if the device has no such region.
  const std::optional<RegionInfo>& info(std::uint32_t index) const;

  // Thread-safe: each method takes the locks of the gate that it needs.

  /// Maps the largest mappable area of a region on the first call. The window is empty if there is
  /// none. It is valid until the Function is destroyed.
  Window window(std::uint32_t index);
  /// The bytes of `part`, in a separate mapping for accesses of JavaScript. After cut() of the
  /// function, these accesses do not reach the device.
  DirectPart direct(std::uint32_t index, Area part);

  /// One access through the back end, for registers that are not mapped.
  std::uint64_t read(std::uint32_t index, std::uint64_t offset, unsigned width);
  void write(std::uint32_t index, std::uint64_t offset, unsigned width, std::uint64_t value);

  /// Maps again what direct() gave out and bus errors or give_up_direct() took.
  void restore_direct() noexcept;

  // For Function.

  /// Called before anything else uses the function.
  void read_info(std::uint32_t count);
  /// Direct accesses do not reach the device until restore_direct(). Call it under Gate::Stop.
  void give_up_direct() noexcept { direct_.give_up(); }
  /// Permanently: windows and direct mappings become anonymous memory. Call it under control.
  void tombstone() noexcept;

 private:
  struct MappedWindow {
    sys::Mapping mapping;
    Window window;
  };

  std::optional<sys::Mapping> map(std::uint32_t index, Area area);

  Gate& gate_;
  FunctionBackend& backend_;
  std::vector<std::optional<RegionInfo>> infos_;
  // Under control.
  std::map<std::uint32_t, MappedWindow> windows_;
  DirectMappings direct_;
};

}  // namespace vfio
