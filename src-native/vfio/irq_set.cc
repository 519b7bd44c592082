// SPDX-License-Identifier: MIT
#include "vfio/irq_set.h"

#include <string>
#include <utility>

#include "sys/file.h"
#include "vfio/attempt.h"
#include "vfio/errors.h"

namespace vfio {

namespace {

/// MSI-X allows no more (PCI Local Bus 3.0, 6.8.2). The check comes first, so that a wrong count
/// opens no descriptors.
constexpr std::uint32_t kMostVectors = 2048;

/// The consumer of a revoked vector, until end_loan().
constexpr char kRevoked = 0;

Error lent_already(std::uint32_t vector) {
  return {ErrorCode::kBusy, "vector " + std::to_string(vector) +
                                " is granted to another thread, and an interrupt has one consumer; "
                                "revoke that grant first"};
}

}  // namespace

IrqSet::IrqSet(std::shared_ptr<Function> function, std::uint32_t index, std::uint32_t count)
    : function_(std::move(function)), index_(index) {
  if (count > kMostVectors) {
    throw Error(ErrorCode::kRange, std::to_string(count) + " vectors are more than any device has");
  }
  for (std::uint32_t i = 0; i < count; ++i) eventfds_.push_back(sys::make_eventfd());
  function_->interrupts().arm(index_, eventfds_);
}

IrqSet::~IrqSet() {
  // If this fails, the reset or the release of the function disarms the vectors.
  attempt([this] { close(); });
}

void IrqSet::close() {
  if (std::exchange(closed_, true)) return;
  function_->interrupts().disarm(index_);
}

IrqSet::Consumer IrqSet::consumer_of(std::uint32_t vector) const {
  const auto found = lent_.find(vector);
  return found == lent_.end() ? nullptr : found->second;
}

void IrqSet::lend(const std::vector<std::uint32_t>& vectors, Consumer to) {
  const std::lock_guard lock(mutex_);
  for (const std::uint32_t vector : vectors) {
    if (consumer_of(vector) != nullptr) throw lent_already(vector);
  }
  for (const std::uint32_t vector : vectors) lent_[vector] = to;
}

void IrqSet::revoke(const std::vector<std::uint32_t>& vectors) {
  const std::lock_guard lock(mutex_);
  for (const std::uint32_t vector : vectors) lent_[vector] = &kRevoked;
}

void IrqSet::end_loan(const std::vector<std::uint32_t>& vectors) {
  const std::lock_guard lock(mutex_);
  for (const std::uint32_t vector : vectors) lent_.erase(vector);
}

void IrqSet::check_consumer(std::uint32_t vector, Consumer consumer) const {
  const std::lock_guard lock(mutex_);
  if (consumer_of(vector) == consumer) return;
  if (consumer == nullptr) throw lent_already(vector);
  throw Error(ErrorCode::kClosed, "the grant of vector " + std::to_string(vector) + " has ended");
}

std::uint64_t IrqSet::take(std::uint32_t vector, Consumer consumer) const {
  const std::lock_guard lock(mutex_);
  return consumer_of(vector) == consumer ? sys::drain_eventfd(eventfd(vector)) : 0;
}

}  // namespace vfio
