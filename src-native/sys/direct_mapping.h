// SPDX-License-Identifier: MIT
// A mapping of device memory for accesses that JavaScript's compiler makes, and that nothing
// guards. When such an access raises SIGBUS, the handler replaces the mapping with ordinary memory
// and the access goes there. A store is then lost, like any write that the device does not accept,
// and a load reads zeros or what was lost. restore() brings the device memory back. The library's
// own accesses never go through such a mapping, so they never read the lost values.
#pragma once

#include <cstdint>
#include <memory>

#include "sys/mapping.h"

namespace vfio::sys {

/// What the SIGBUS handler knows about one mapping.
struct DirectEntry;

class DirectMapping final {
 public:
  /// Null if all 256 entries are in use.
  static std::shared_ptr<DirectMapping> make(Mapping mapping);
  /// Destroy it only when nothing accesses the mapping any longer.
  ~DirectMapping();
  DirectMapping(const DirectMapping&) = delete;
  DirectMapping& operator=(const DirectMapping&) = delete;

  std::uint8_t* data() const noexcept { return mapping_.data(); }

  /// Does what a bus error does: stores are lost until restore(). Does nothing if the kernel has no
  /// memory for the replacement.
  void give_up() noexcept;
  /// Whether ordinary memory has replaced the device memory. If not, this also forgets an earlier
  /// bus error.
  bool is_lost() noexcept;
  /// Replaces it with `fresh`, another mapping of the same device memory. The change is atomic for
  /// threads that access it.
  void restore(Mapping fresh);

  /// Like Mapping::tombstone. Afterwards, only the destructor may be called. Frees the entry for
  /// another mapping, because JavaScript may keep this one for a long time.
  void tombstone() noexcept;

 private:
  DirectMapping(Mapping mapping, DirectEntry& entry) noexcept;

  Mapping mapping_;
  DirectEntry& entry_;
};

/// For the SIGBUS handler: returns true if `address` lies in such a mapping, so that the access can
/// be repeated. Async-signal-safe.
bool give_up_direct_mapping(std::uintptr_t address) noexcept;

}  // namespace vfio::sys
