// SPDX-License-Identifier: MIT
#include "sys/thread.h"

#include <pthread.h>

#include <csignal>
#include <memory>
#include <utility>

#include "sys/errors.h"
#include "sys/syscalls.h"

namespace vfio::sys {

namespace {

/// The process's signals must go to its own threads. A thread that starts while this object exists
/// has all signals blocked.
class AllSignalsBlocked final {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    // SIGBUS stays unblocked: the access itself raises it, and it must reach its handler.
    ::sigdelset(&all, SIGBUS);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~AllSignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

using Body = std::function<void()>;

void* run(void* given) {
  const std::unique_ptr<Body> body(static_cast<Body*>(given));
  (*body)();
  return nullptr;
}

}  // namespace

void start_thread(Body body) {
  const AllSignalsBlocked blocked;
  auto owned = std::make_unique<Body>(std::move(body));
  pthread_t thread{};
  const int error = syscalls().pthread_create(&thread, nullptr, run, owned.get());
  if (error != 0) throw SysError(error, "pthread_create");
  static_cast<void>(owned.release());  // the thread owns it now
  ::pthread_detach(thread);
}

}  // namespace vfio::sys
