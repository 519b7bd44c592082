// SPDX-License-Identifier: MIT
#include "stage.h"

#include <thread>
#include <utility>

namespace vfio::testing {

void Stage::set_delay(std::chrono::milliseconds delay) {
  const std::lock_guard lock(mutex_);
  delay_ = delay;
}

void Stage::hold() {
  const std::lock_guard lock(mutex_);
  held_ = true;
}

void Stage::release() {
  const std::lock_guard lock(mutex_);
  held_ = false;
  changed_.notify_all();
}

bool Stage::await_arrival() {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(5), [&] { return waiting_ > 0; });
}

void Stage::fail_next(int error) {
  const std::lock_guard lock(mutex_);
  error_ = error;
}

int Stage::pass() {
  std::unique_lock lock(mutex_);
  if (const auto delay = delay_; delay.count() > 0) {
    lock.unlock();
    std::this_thread::sleep_for(delay);
    lock.lock();
  }
  ++waiting_;
  changed_.notify_all();
  changed_.wait(lock, [&] { return !held_; });
  --waiting_;
  return std::exchange(error_, 0);
}

}  // namespace vfio::testing
