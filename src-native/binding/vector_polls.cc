// SPDX-License-Identifier: MIT
#include "binding/vector_polls.h"

#include <string>
#include <tuple>
#include <utility>

#include "sys/file.h"
#include "vfio/errors.h"

namespace vfio::binding {

void VectorPolls::check_open() const {
  if (irqs_ == nullptr) throw Error(ErrorCode::kClosed, "the interrupt set is closed");
}

void VectorPolls::check_vector(std::uint32_t vector) const {
  check_open();
  if (vector >= count()) {
    throw Error(ErrorCode::kRange, "vector " + std::to_string(vector) + " is not in this set of " +
                                       std::to_string(count()));
  }
}

void VectorPolls::check_consumer(std::uint32_t vector) const {
  check_vector(vector);
  irqs_->check_consumer(vector, consumer_);
}

void VectorPolls::listen(std::uint32_t vector, std::function<void(std::uint64_t)> on_interrupt) {
  check_consumer(vector);
  polls_.erase(vector);
  const int eventfd = irqs_->eventfd(vector);
  polls_.emplace(std::piecewise_construct, std::forward_as_tuple(vector),
                 std::forward_as_tuple(environment_, eventfd, irqs_,
                                       [irqs = irqs_.get(), vector, consumer = consumer_,
                                        on_interrupt = std::move(on_interrupt)] {
                                         const std::uint64_t raised = irqs->take(vector, consumer);
                                         if (raised > 0) on_interrupt(raised);
                                       }));
}

std::uint64_t VectorPolls::wait(std::uint32_t vector, std::uint32_t milliseconds) {
  check_consumer(vector);
  sys::wait_readable(irqs_->eventfd(vector), static_cast<int>(milliseconds));
  // Another thread may have revoked the vector during the wait.
  check_consumer(vector);
  return irqs_->take(vector, consumer_);
}

void VectorPolls::give_back(std::uint32_t vector, std::uint64_t raised) {
  check_vector(vector);
  sys::raise_eventfd(irqs_->eventfd(vector), raised);
}

void VectorPolls::ref(std::uint32_t vector) {
  check_vector(vector);
  if (const auto poll = polls_.find(vector); poll != polls_.end()) poll->second.ref();
}

void VectorPolls::unref(std::uint32_t vector) {
  check_vector(vector);
  if (const auto poll = polls_.find(vector); poll != polls_.end()) poll->second.unref();
}

std::shared_ptr<IrqSet> VectorPolls::to_lend(const std::vector<std::uint32_t>& vectors) const {
  for (const std::uint32_t vector : vectors) {
    check_vector(vector);
    if (!polls_.contains(vector)) continue;
    throw Error(ErrorCode::kBusy, "vector " + std::to_string(vector) +
                                      " has a listener in this thread, and an interrupt has one "
                                      "consumer; remove the listener first");
  }
  return irqs_;
}

void VectorPolls::close() {
  if (irqs_ == nullptr) return;
  polls_.clear();
  loans_.revoke();
  const std::shared_ptr<IrqSet> irqs = std::exchange(irqs_, nullptr);
  if (consumer_ == nullptr) irqs->close();
}

}  // namespace vfio::binding
