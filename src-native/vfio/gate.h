// SPDX-License-Identifier: MIT
// Whether an open function can be used, and who is using it: its state and its two locks.
//
// The order of the locks is control, then in-use. A call of the back end holds in-use shared. What
// changes the command register, the interrupts or the mappings holds control as well, so changes
// come one after the other. What ends all use holds in-use alone, so it waits for every call that
// passed the check of the state before.
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
  /// `name` is the function's in errors.
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

  /// Held over a call of the back end. Both throw as check_live() does.
  Use use();
  Change change();
  /// The same for those who look at the state themselves.
  Use use_in_any_state() { return Use(in_use_); }
  Change change_in_any_state();

  /// Waits until nobody uses the function, and keeps everybody out.
  Stop stop();
  /// Keeps changes out, and waits for no call but that of a change.
  std::unique_lock<std::mutex> hold_changes() { return std::unique_lock(control_); }
  /// After close(): waits for every call that began before. Takes no other lock.
  void await_last_use() { const std::lock_guard last(in_use_); }

  /// From live only: throws as check_live() does. end_busy() must follow.
  void become_busy();
  /// Live again, or lost if the function was lost while it was busy.
  void end_busy() noexcept;
  /// The function is gone. Returns whether this is the first report of it.
  bool lose() noexcept;
  /// For good, from any state.
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
