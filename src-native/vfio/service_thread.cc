// SPDX-License-Identifier: MIT
#include "vfio/service_thread.h"

#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "sys/errors.h"

namespace vfio {

struct ServiceThread::Queue {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Job> jobs;
  bool ending = false;

  void run() {
    for (;;) {
      std::unique_lock lock(mutex);
      changed.wait(lock, [this] { return ending || !jobs.empty(); });
      if (jobs.empty()) return;
      Job job = std::move(jobs.front());
      jobs.pop_front();
      lock.unlock();
      job();
    }
  }
};

namespace {

/// Signals of the process are for its own threads: a service thread starts with all of them
/// blocked.
class AllSignalsBlocked final {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    // A bus error is raised by the access itself and has to reach its handler.
    ::sigdelset(&all, SIGBUS);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~AllSignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

ServiceThread::ServiceThread() : queue_(std::make_shared<Queue>()) {
  const AllSignalsBlocked blocked;
  try {
    std::thread([queue = queue_] { queue->run(); }).detach();
  } catch (const std::system_error& failure) {
    throw sys::SysError(failure.code().value(), "pthread_create");
  }
}

ServiceThread::~ServiceThread() {
  const std::lock_guard lock(queue_->mutex);
  queue_->ending = true;
  queue_->changed.notify_one();
}

void ServiceThread::post(Job job) {
  const std::lock_guard lock(queue_->mutex);
  queue_->jobs.push_back(std::move(job));
  queue_->changed.notify_one();
}

}  // namespace vfio
