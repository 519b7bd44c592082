// SPDX-License-Identifier: MIT
#include "vfio/gate.h"

#include "vfio/errors.h"

namespace vfio {

void Gate::check_live() const {
  switch (state_.load(std::memory_order_acquire)) {
    case State::kLive:
      return;
    case State::kBusy:
      throw Error(ErrorCode::kBusy, name_ + " is being reset");
    case State::kLost:
      throw Error(ErrorCode::kLost, name_ + " is gone");
    case State::kClosed:
      throw Error(ErrorCode::kClosed, name_ + " is closed");
  }
}

Gate::Use Gate::use() {
  Use use = use_in_any_state();
  check_live();
  return use;
}

Gate::Change Gate::change() {
  Change change = change_in_any_state();
  check_live();
  return change;
}

Gate::Change Gate::change_in_any_state() {
  std::unique_lock control(control_);
  return {.control = std::move(control), .in_use = Use(in_use_)};
}

Gate::Stop Gate::stop() {
  std::unique_lock control(control_);
  return {.control = std::move(control), .in_use = std::unique_lock(in_use_)};
}

void Gate::become(State to_leave, State next) noexcept {
  state_.compare_exchange_strong(to_leave, next);
}

void Gate::become_busy() {
  // Repeats if another reset has just ended: the exchange saw kBusy, but check_live() sees kLive.
  for (State expected = State::kLive; !state_.compare_exchange_strong(expected, State::kBusy);
       expected = State::kLive) {
    check_live();
  }
}

void Gate::end_busy() noexcept {
  become(State::kBusy, State::kLive);
  // While the function was busy, lose() could not change the state.
  if (lost_) become(State::kLive, State::kLost);
}

bool Gate::lose() noexcept {
  const bool first = !lost_.exchange(true);
  become(State::kLive, State::kLost);
  return first;
}

}  // namespace vfio
