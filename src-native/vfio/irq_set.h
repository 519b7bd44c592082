// SPDX-License-Identifier: MIT
// The armed vectors of one interrupt index of a function, each with an eventfd. The function's
// own reset and release disarm them, and so does close(). The eventfds live as long as the object,
// because another thread may still poll them. An eventfd has one consumer: the thread that armed
// the set, or the borrower that the vector is lent to. Thread-safe.
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
  /// Creates the eventfds and arms them. Throws what Interrupts::arm throws.
  IrqSet(std::shared_ptr<Function> function, std::uint32_t index, std::uint32_t count);
  ~IrqSet();
  IrqSet(const IrqSet&) = delete;
  IrqSet& operator=(const IrqSet&) = delete;

  std::uint32_t index() const noexcept { return index_; }
  std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(eventfds_.size()); }
  int eventfd(std::uint32_t vector) const { return eventfds_.at(vector).get(); }
  void trigger(std::uint32_t vector) { function_->interrupts().trigger(index_, vector); }
  void mask_intx(bool masked) { function_->interrupts().mask_intx(masked); }

  /// Throws sys::SysError if the kernel refuses, but the set is closed even then. Only the thread
  /// that armed the set may call it.
  void close();

  /// Identifies a consumer. Null is the thread that armed the set.
  using Consumer = const void*;

  /// Lends all of the vectors, or none: throws Error kBusy if one is lent already.
  void lend(const std::vector<std::uint32_t>& vectors, Consumer to);
  /// Takes the vectors from the borrower. Nothing else can consume them before end_loan().
  void revoke(const std::vector<std::uint32_t>& vectors);
  void end_loan(const std::vector<std::uint32_t>& vectors);
  /// Throws Error kBusy if `consumer` is null while the vector is lent, and kClosed if the vector
  /// is no longer lent to this borrower.
  void check_consumer(std::uint32_t vector, Consumer consumer) const;
  /// Returns how often the vector was raised since the last call. Returns 0 if `consumer` is no
  /// longer its consumer: the count is then kept for the next one.
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
