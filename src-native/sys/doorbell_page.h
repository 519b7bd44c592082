// SPDX-License-Identifier: MIT
// A page of registers for stores that cannot be guarded, because JavaScript's compiler makes them.
// When such a store raises SIGBUS, the handler replaces the page with anonymous memory and the
// store goes there. The store is lost, like any write that the device does not accept. restore()
// brings the registers back. The library's own accesses never go through such a page, so they never
// read the lost values.
#pragma once

#include <cstdint>
#include <memory>

#include "sys/mapping.h"

namespace vfio::sys {

/// What the SIGBUS handler knows about one page.
struct DoorbellEntry;

class DoorbellPage final {
 public:
  /// Takes a mapping of one page or of a part of one. Null if all 256 entries are in use.
  static std::shared_ptr<DoorbellPage> make(Mapping page);
  /// Destroy it only when nothing stores to the page any longer.
  ~DoorbellPage();
  DoorbellPage(const DoorbellPage&) = delete;
  DoorbellPage& operator=(const DoorbellPage&) = delete;

  std::uint8_t* data() const noexcept { return page_.data(); }

  /// Does what a bus error does: stores are lost until restore(). Does nothing if the kernel has no
  /// memory for the replacement.
  void give_up() noexcept;
  /// Whether anonymous memory has replaced the registers. If not, this also forgets an earlier bus
  /// error.
  bool is_lost() noexcept;
  /// Replaces the page with `fresh`, another mapping of the same registers. The change is atomic
  /// for threads that store to the page.
  void restore(Mapping fresh);

  /// Like Mapping::tombstone. Afterwards, only the destructor may be called. Frees the entry for
  /// another page, because JavaScript may keep this one for a long time.
  void tombstone() noexcept;

 private:
  DoorbellPage(Mapping page, DoorbellEntry& entry) noexcept;

  Mapping page_;
  DoorbellEntry& entry_;
};

/// For the SIGBUS handler: returns true if `address` lies in such a page, so that the store can be
/// repeated. Async-signal-safe.
bool give_up_doorbell_page(std::uintptr_t address) noexcept;

}  // namespace vfio::sys
