// SPDX-License-Identifier: MIT
#include "binding/mailbox.h"

#include <utility>

namespace vfio::binding {

bool Mailbox::post(Delivery delivery) {
  const std::lock_guard lock(mutex_);
  if (wake_ == nullptr) return false;
  deliveries_.push_back(std::move(delivery));
  uv_async_send(wake_);
  return true;
}

std::vector<Mailbox::Delivery> Mailbox::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(deliveries_, {});
}

void Mailbox::end() noexcept {
  const std::lock_guard lock(mutex_);
  wake_ = nullptr;
}

}  // namespace vfio::binding
