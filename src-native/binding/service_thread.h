// SPDX-License-Identifier: MIT
// A thread for kernel calls that may block for a minute (open, reset, close), one a function or
// container: libuv's pool has four threads for everybody, and process exit waits for them.
#pragma once

#include <functional>
#include <memory>

namespace vfio::binding {

/// Runs jobs one after the other. Destruction lets the queued jobs finish and does not wait for
/// them: the thread is detached and owns its queue, so a job stuck in the kernel holds up nobody.
class ServiceThread final {
 public:
  using Job = std::function<void()>;

  /// Throws sys::SysError when no thread can be had.
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
