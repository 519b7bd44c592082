// SPDX-License-Identifier: MIT
// The armed vectors of one interrupt index of a function, an eventfd each. Disarmed by close(), or
// by the function's own reset and release; the eventfds live as long as the object, because
// somebody may still be polling them. An eventfd has one consumer: whoever armed the set, or who
// the vector was lent to. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "sys/unique_fd.h"
#include "vfio/function.h"

namespace vfio {

class IrqSet final {
 public:
  /// Makes the eventfds and arms them; see Interrupts::arm for what it throws.
  IrqSet(std::shared_ptr<Function> function, std::uint32_t index, std::uint32_t count);
  ~IrqSet();
  IrqSet(const IrqSet&) = delete;
  IrqSet& operator=(const IrqSet&) = delete;

  std::uint32_t index() const noexcept { return index_; }
  std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(eventfds_.size()); }
  int eventfd(std::uint32_t vector) const { return eventfds_.at(vector).get(); }
  void trigger(std::uint32_t vector) { function_->interrupts().trigger(index_, vector); }
  void mask_intx(bool masked) { function_->interrupts().mask_intx(masked); }

  /// Throws sys::SysError when the kernel refuses; the set counts as closed all the same. By
  /// whoever armed it.
  void close();

  /// Names a consumer; null is whoever armed the set.
  using Consumer = const void*;

  /// All of the vectors, or none: throws Error kBusy when one is lent already.
  void lend(const std::vector<std::uint32_t>& vectors, Consumer to);
  /// They are the borrower's no more, and nobody else's before give_back.
  void call_back(const std::vector<std::uint32_t>& vectors);
  void give_back(const std::vector<std::uint32_t>& vectors);
  /// Throws Error kBusy while the vector is lent, kClosed when it is not this borrower's any more.
  void check_consumer(std::uint32_t vector, Consumer consumer) const;
  /// How often the vector was raised since the last time; 0 for who is not its consumer any more,
  /// so that nothing is lost which the next one is to hear of.
  std::uint64_t take(std::uint32_t vector, Consumer consumer) const;

 private:
  Consumer consumer_of(std::uint32_t vector) const;

  const std::shared_ptr<Function> function_;
  const std::uint32_t index_;
  std::vector<sys::UniqueFd> eventfds_;
  bool closed_ = false;
  mutable std::mutex mutex_;
  std::map<std::uint32_t, Consumer> lent_;
};

}  // namespace vfio
