// SPDX-License-Identifier: MIT
// The way from other threads to the event loop of an env.
#pragma once

#include <uv.h>

#include <functional>
#include <mutex>
#include <vector>

namespace vfio::binding {

class Environment;

/// Thread-safe. The env shares it with jobs on other threads, which may outlive the env.
class Mailbox final {
 public:
  using Delivery = std::function<void(Environment&)>;

  /// `wake` belongs to the env, which keeps it until end().
  explicit Mailbox(uv_async_t* wake) : wake_(wake) {}
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  /// Returns false once the env has ended; the caller's thread then destroys the delivery.
  bool post(Delivery delivery);

  /// Hands over what was posted since the last call. The env calls this.
  std::vector<Delivery> take();
  /// From now on nothing is posted, and nobody uses `wake`. The env calls this.
  void end() noexcept;

 private:
  std::mutex mutex_;
  uv_async_t* wake_;  // null once the env has ended
  std::vector<Delivery> deliveries_;
};

}  // namespace vfio::binding
