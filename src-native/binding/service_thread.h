// SPDX-License-Identifier: MIT
// A thread for kernel calls that may block for a minute (open, reset, close). Each open device and
// each container has its own: libuv's pool has only four threads, and process exit waits for them.
#pragma once

#include <functional>
#include <memory>

namespace vfio::binding {

/// Runs jobs one after the other. The destructor lets queued jobs finish and does not wait for
/// them: the thread is detached and owns its queue, so a job that is stuck in the kernel blocks
/// nobody.
class ServiceThread final {
 public:
  using Job = std::function<void()>;

  /// Throws sys::SysError when the system cannot start a thread.
  ServiceThread();
  ~ServiceThread();
  ServiceThread(const ServiceThread&) = delete;
  ServiceThread& operator=(const ServiceThread&) = delete;

  /// Thread-safe. Jobs must not throw.
  void post(Job job);

 private:
  struct Queue;
  std::shared_ptr<Queue> queue_;
};

}  // namespace vfio::binding
