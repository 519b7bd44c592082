// SPDX-License-Identifier: MIT
// The states of a function, and which calls wait for which.
#include "vfio/gate.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <thread>

#include "support.h"

using namespace vfio;
using namespace vfio::testing;

namespace {

struct Fixture {
  Gate gate{"0000:00:01.0"};

  std::optional<ErrorCode> use_failure() {
    return code_of([&] { gate.use(); });
  }
  std::optional<ErrorCode> change_failure() {
    return code_of([&] { gate.change(); });
  }
};

/// Runs `step` in a thread. waits() tells whether it is still waiting after a time in which it
/// would otherwise have finished.
class Waiter final {
 public:
  explicit Waiter(const std::function<void()>& step)
      : thread_([this, step] {
          step();
          done_ = true;
        }) {}
  bool waits() const {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return !done_;
  }
  void join() { thread_.join(); }

 private:
  std::atomic<bool> done_{false};
  std::thread thread_;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "only a live function is used or changed, and the error says why") {
  CHECK_FALSE(use_failure());
  CHECK_FALSE(change_failure());
  gate.become_busy();
  CHECK(use_failure() == ErrorCode::kBusy);
  CHECK(change_failure() == ErrorCode::kBusy);
  gate.end_busy();
  CHECK_FALSE(use_failure());
  gate.lose();
  CHECK(use_failure() == ErrorCode::kLost);
  gate.close();
  CHECK(use_failure() == ErrorCode::kClosed);
  CHECK(change_failure() == ErrorCode::kClosed);
  CHECK_NOTHROW(gate.use_in_any_state());
  CHECK_NOTHROW(gate.change_in_any_state());
}

TEST_CASE_FIXTURE(Fixture, "a function becomes busy once, and closed for good") {
  gate.become_busy();
  CHECK(code_of([&] { gate.become_busy(); }) == ErrorCode::kBusy);
  gate.close();
  gate.end_busy();
  CHECK(gate.state() == State::kClosed);
  gate.lose();
  CHECK(gate.state() == State::kClosed);
}

TEST_CASE_FIXTURE(Fixture, "a loss is told once, and waits for the end of a reset") {
  gate.become_busy();
  CHECK(gate.lose());
  CHECK_FALSE(gate.lose());
  CHECK(gate.state() == State::kBusy);
  gate.end_busy();
  CHECK(gate.state() == State::kLost);
}

TEST_CASE_FIXTURE(Fixture, "uses go on beside each other, and a change beside them") {
  const auto one = gate.use();
  std::thread([&] { gate.use(); }).join();
  std::thread([&] { gate.change(); }).join();
}

TEST_CASE_FIXTURE(Fixture, "what ends all use waits for a use that is under way") {
  std::optional<Gate::Use> use(gate.use());
  std::function<void()> end;
  SUBCASE("the stop") {
    end = [&] { gate.stop(); };
  }
  SUBCASE("the last wait") {
    end = [&] { gate.await_last_use(); };
  }
  Waiter waiter(end);
  CHECK(waiter.waits());
  use.reset();
  waiter.join();
}

TEST_CASE_FIXTURE(Fixture, "while changes are held, uses go on and changes wait") {
  auto held = gate.hold_changes();
  std::thread([&] { gate.use(); }).join();
  Waiter waiter([&] { gate.change(); });
  CHECK(waiter.waits());
  held.unlock();
  waiter.join();
}
