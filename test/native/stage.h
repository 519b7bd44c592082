// SPDX-License-Identifier: MIT
// A point of the memory back end where a test can make it slow, stop it, or make it fail. Opening,
// reading, resetting, closing, mapping and unmapping pass through one. Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace vfio::testing {

class Stage final {
 public:
  /// Everybody who passes sleeps that long first.
  void set_delay(std::chrono::milliseconds delay);

  /// Whoever arrives waits until release().
  void hold();
  void release();

  /// Waits until somebody is held. False when nobody came within five seconds.
  bool await_arrival();

  /// The next to pass gets this errno.
  void fail_next(int error);

  /// The back end's side: waits as told, and returns the errno to fail with, or 0.
  int pass();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::chrono::milliseconds delay_{0};
  bool held_ = false;
  unsigned waiting_ = 0;
  int error_ = 0;
};

}  // namespace vfio::testing
