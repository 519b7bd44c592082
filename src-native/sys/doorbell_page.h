// SPDX-License-Identifier: MIT
// A page of registers for stores that we cannot guard, because JavaScript's compiler makes them.
// When one raises SIGBUS, the handler puts anonymous memory in the page's place and the store goes
// there: it is lost, as a write is that the device does not take. restore() brings the registers
// back. Accesses of ours never go through such a page, so none of them reads what was lost there.
#pragma once

#include <cstdint>
#include <memory>

#include "sys/mapping.h"

namespace vfio::sys {

/// What the SIGBUS handler knows of a page.
struct DoorbellEntry;

class DoorbellPage final {
 public:
  /// Takes a mapping of one page or of a part of one. Null when 256 of them are in use already.
  static std::shared_ptr<DoorbellPage> make(Mapping page);
  /// When nobody stores to it any more.
  ~DoorbellPage();
  DoorbellPage(const DoorbellPage&) = delete;
  DoorbellPage& operator=(const DoorbellPage&) = delete;

  std::uint8_t* data() const noexcept { return page_.data(); }

  /// As a bus error does it: stores are lost until restore(). Not when the kernel has no memory.
  void give_up() noexcept;
  /// Whether anonymous memory is in its place. If not, an earlier bus error is forgotten.
  bool is_lost() noexcept;
  /// Puts `fresh`, another mapping of the same registers, in its place, atomically for whoever
  /// stores to it.
  void restore(Mapping fresh);

  /// As Mapping::tombstone; nothing but the destructor may follow. Makes room for another page:
  /// JavaScript may hold on to this one for long.
  void tombstone() noexcept;

 private:
  DoorbellPage(Mapping page, DoorbellEntry& entry) noexcept;

  Mapping page_;
  DoorbellEntry& entry_;
};

/// For the SIGBUS handler: whether the store to `address` can be tried again, because it was one to
/// such a page. Async-signal-safe.
bool give_up_doorbell_page(std::uintptr_t address) noexcept;

}  // namespace vfio::sys
