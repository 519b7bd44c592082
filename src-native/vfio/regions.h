// SPDX-License-Identifier: MIT
// The regions of an open function. It reads and writes their registers through the back end, and
// owns the windows and doorbell pages that are mapped.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "sys/mapping.h"
#include "vfio/backend.h"
#include "vfio/doorbells.h"
#include "vfio/gate.h"

namespace vfio {

/// The mapped registers of a region: offsets [begin, end) lie at base + offset.
struct Window {
  volatile std::uint8_t* base = nullptr;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// Owned by a Function, whose gate and back end outlive it. Owns the mappings of windows; a
/// doorbell page is shared with whoever stores to it.
class Regions final {
 public:
  Regions(Gate& gate, FunctionBackend& backend);
  Regions(const Regions&) = delete;
  Regions& operator=(const Regions&) = delete;

  /// Nothing when the device has no such region.
  const std::optional<RegionInfo>& info(std::uint32_t index) const;

  // Thread-safe: each takes the locks of the gate that it needs.

  /// Maps a region's largest mappable area on the first call; an empty window when there is none.
  /// Valid until the Function is destroyed.
  Window window(std::uint32_t index);
  /// The 32 bits at `offset`, in a mapping of their page that is for stores alone. After the
  /// function's cut() the stores go nowhere.
  Doorbell doorbell(std::uint32_t index, std::uint64_t offset);

  /// One access through the back end, for registers that are not mapped.
  std::uint64_t read(std::uint32_t index, std::uint64_t offset, unsigned width);
  void write(std::uint32_t index, std::uint64_t offset, unsigned width, std::uint64_t value);

  /// Maps again the doorbell pages that bus errors or give_up_doorbells() took away.
  void restore_doorbells() noexcept;

  // For Function.

  /// Before anybody else uses the function.
  void read_info(std::uint32_t count);
  /// Until restore_doorbells(), stores to doorbells go nowhere. Under Gate::Stop.
  void give_up_doorbells() noexcept { doorbells_.give_up(); }
  /// For good: windows become anonymous memory, and stores to doorbells go nowhere. Under control.
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
  Doorbells doorbells_;
};

}  // namespace vfio
