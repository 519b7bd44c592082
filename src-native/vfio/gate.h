// SPDX-License-Identifier: MIT
// Controls the use of an open function: its state and its two locks.
//
// The locks are taken in the order control, in-use. A call of the back end holds in-use shared,
// except a reset, while the function is busy, and the release, as the last user. An operation that
// changes the command register, the interrupts or the mappings also holds control, so changes run
// one after another. An operation that ends all use holds in-use exclusively, so it waits for every
// call that has passed the check of the state.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <string>

namespace vfio {

enum class State : std::uint32_t { kLive, kBusy, kLost, kClosed };

/// Owned by a Function, whose parts share it. Thread-safe.
class Gate final {
 public:
  /// `name` is the name of the function in errors.
  explicit Gate(std::string name) : name_(std::move(name)) {}
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  const std::string& name() const noexcept { return name_; }
  const std::atomic<State>& state() const noexcept { return state_; }
  bool is_closed() const noexcept {
    return state_.load(std::memory_order_acquire) == State::kClosed;
  }
  /// Throws Error kBusy, kLost or kClosed.
  void check_live() const;

  using Use = std::shared_lock<std::shared_mutex>;
  struct Change {
    std::unique_lock<std::mutex> control;
    Use in_use;
  };
  struct Stop {
    std::unique_lock<std::mutex> control;
    std::unique_lock<std::shared_mutex> in_use;
  };

  /// Held during a call of the back end. Both throw what check_live() throws.
  Use use();
  Change change();
  /// The same for callers that check the state themselves.
  Use use_in_any_state() { return Use(in_use_); }
  Change change_in_any_state();

  /// Waits until nothing uses the function, and blocks new uses.
  Stop stop();
  /// Blocks new changes and waits for a running change, but for no other call.
  std::unique_lock<std::mutex> hold_changes() { return std::unique_lock(control_); }
  /// After close(): waits for every call that began before it. Takes no other lock.
  void await_last_use() { const std::lock_guard last(in_use_); }

  /// Only from kLive: otherwise throws what check_live() throws. end_busy() must follow.
  void become_busy();
  /// Makes the function live again, or lost if it was lost while it was busy.
  void end_busy() noexcept;
  /// Marks the function as lost. Returns whether this is the first report of it.
  bool lose() noexcept;
  /// Permanently, from any state.
  void close() noexcept { state_.store(State::kClosed, std::memory_order_release); }

 private:
  void become(State to_leave, State next) noexcept;

  const std::string name_;
  std::atomic<State> state_{State::kLive};
  std::atomic<bool> lost_{false};
  std::mutex control_;
  std::shared_mutex in_use_;
};

}  // namespace vfio
