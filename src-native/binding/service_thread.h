// SPDX-License-Identifier: MIT
// A thread for kernel calls that can block for a minute (open, reset, close). Each open device and
// each container has its own. libuv's thread pool is not used: it has only four threads, and the
// exit of the process waits for them.
#pragma once

#include <functional>
#include <memory>

namespace vfio::binding {

/// Runs jobs one after another. The destructor lets queued jobs finish but does not wait for them:
/// the thread is detached and owns its queue, so a job that is stuck in the kernel blocks no other
/// thread.
class ServiceThread final {
 public:
  using Job = std::function<void()>;

  /// Throws sys::SysError if the system cannot start a thread.
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
