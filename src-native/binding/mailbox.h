// SPDX-License-Identifier: MIT
// Passes work from other threads to the event loop of an env.
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

  /// Returns false if the env has ended; the caller's thread then destroys the delivery.
  bool post(Delivery delivery);

  /// Returns everything that was posted since the last call. Called by the env.
  std::vector<Delivery> take();
  /// From now on, nothing is posted and `wake` is not used. Called by the env.
  void end() noexcept;

 private:
  std::mutex mutex_;
  uv_async_t* wake_;  // null once the env has ended
  std::vector<Delivery> deliveries_;
};

}  // namespace vfio::binding
