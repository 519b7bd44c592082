// SPDX-License-Identifier: MIT
#include "binding/open_device.h"

#include <utility>

#include "binding/vector_polls.h"
#include "vfio/attempt.h"

namespace vfio::binding {

Handle OpenDevice::acquire(std::uint32_t region) {
  const Handle handle = acquire_slot(environment_.env(), function_, region);
  handles_.push_back(handle);
  return handle;
}

std::shared_ptr<VectorPolls> OpenDevice::enable_interrupts(std::uint32_t index,
                                                           std::uint32_t count) {
  interrupts_ = std::make_shared<VectorPolls>(environment_,
                                              std::make_shared<IrqSet>(function_, index, count));
  return interrupts_;
}

void OpenDevice::close_interrupts() noexcept {
  if (interrupts_ == nullptr) return;
  // If this fails, the reset or the release of the function disarms the vectors.
  attempt([this] { std::exchange(interrupts_, nullptr)->close(); });
}

void OpenDevice::watch_changes(std::function<void(Change)> on_change) {
  const int fd = function_->change_fd();
  if (fd < 0) return;
  changes_ = std::make_unique<Poll>(environment_, fd, nullptr,
                                    [function = function_, on_change = std::move(on_change)] {
                                      on_change(function->take_change());
                                    });
  changes_->unref();
}

void OpenDevice::watch_hot_resets(std::function<void(bool over)> on_hot_reset) {
  on_hot_reset_ = std::move(on_hot_reset);
  function_->watch_hot_resets(
      [mailbox = environment_.mailbox(), weak = weak_from_this()](bool over) {
        mailbox->post([weak, over](Environment&) {
          const auto device = weak.lock();
          // A copy, because the call may close the device.
          if (const auto tell = device == nullptr ? nullptr : device->on_hot_reset_) tell(over);
        });
      });
}

void OpenDevice::cut() noexcept {
  changes_.reset();
  function_->watch_hot_resets(nullptr);
  on_hot_reset_ = nullptr;
  loans_.revoke();
  close_interrupts();
  function_->cut();
  for (const Handle handle : std::exchange(handles_, {})) {
    release_slot(environment_.env(), handle);
  }
}

void OpenDevice::close_in_background(std::shared_ptr<void> held) noexcept {
  cut();
  service_->post(
      [function = function_, service = service_, held = std::move(held)] { function->release(); });
}

}  // namespace vfio::binding
