// SPDX-License-Identifier: MIT
// A point in the memory back end that a test can slow down, stop or make fail. Opening, reading,
// resetting, closing, mapping and unmapping each pass a stage. Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace vfio::testing {

class Stage final {
 public:
  /// Every thread that passes sleeps that long first.
  void set_delay(std::chrono::milliseconds delay);

  /// Every thread that arrives waits until release().
  void hold();
  void release();

  /// Waits until a thread is held. Returns false if none arrived within five seconds.
  bool await_arrival();

  /// The next thread to pass gets this errno.
  void fail_next(int error);

  /// Called by the back end: waits as set, and returns the errno to fail with, or 0.
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
