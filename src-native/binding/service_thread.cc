// SPDX-License-Identifier: MIT
#include "binding/service_thread.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "sys/thread.h"

namespace vfio::binding {

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

ServiceThread::ServiceThread() : queue_(std::make_shared<Queue>()) {
  sys::start_thread([queue = queue_] { queue->run(); });
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

}  // namespace vfio::binding
