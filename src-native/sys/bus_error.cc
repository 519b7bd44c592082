// SPDX-License-Identifier: MIT
// The process's SIGBUS handler. It handles the bus errors of guarded and of direct accesses, and
// passes all other signals to the handler that was installed before. It only uses atomics and calls
// async-signal-safe functions.
#include <signal.h>
#include <ucontext.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <deque>
#include <mutex>
#include <type_traits>

#include "sys/direct_mapping.h"
#include "sys/errors.h"
#include "sys/guarded.h"
#include "sys/guarded_table.h"

namespace vfio::sys {

namespace {

using Action = struct sigaction;

/// What SIGBUS did before the library's handler was installed. Never freed: a handler may be
/// reading it at any time.
struct Previous {
  explicit Previous(const Action& previous) : action(previous) {}
  const Action action;
  std::atomic<bool> spent{false};  // an SA_RESETHAND handler has had its one signal
};

/// `first` is the handler before our first installation, `latest` the one before our last. They
/// differ if other code replaced our handler and we installed it again.
std::atomic<Previous*> first{nullptr};
std::atomic<Previous*> latest{nullptr};

auto& program_counter(void* context) {
  auto& machine = static_cast<ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return machine.gregs[REG_RIP];
#else
  return machine.pc;
#endif
}

/// If a guarded access caused the bus error, continues behind the access.
bool resume_guarded(void* context) {
  auto& counter = program_counter(context);
  const std::uintptr_t resume = resume_address(static_cast<std::uintptr_t>(counter));
  if (resume == 0) return false;
  counter = static_cast<std::remove_reference_t<decltype(counter)>>(resume);
  return true;
}

/// A handler that replaced ours may pass signals on to us. If we have installed ours again and pass
/// them on to that handler, a signal would go round in an endless loop. So we mark a signal when we
/// pass it on, in the last bytes of its siginfo. The kernel does not use these bytes and clears
/// them at each delivery. Returns whether the signal was marked already.
bool mark(siginfo_t& info) {
  constexpr std::uint64_t kMark = 0x7666696f2d627573;
  auto* tail = reinterpret_cast<char*>(&info) + sizeof info - sizeof kMark;
  std::uint64_t found = 0;
  std::memcpy(&found, tail, sizeof found);
  std::memcpy(tail, &kMark, sizeof kMark);
  return found == kMark;
}

/// A faulting instruction faults again when the handler returns. A signal that was sent does not
/// come again.
bool faults_again(const siginfo_t& info) {
  return info.si_code > 0 && info.si_code != BUS_MCEERR_AO;
}

/// Does what the kernel does: the default action ends the process, and a fault cannot be ignored.
void die(int signal, const siginfo_t& info) {
  Action action{};
  action.sa_handler = SIG_DFL;
  ::sigaction(signal, &action, nullptr);
  // The signal is blocked while the handler runs, so it is delivered when the handler returns.
  if (!faults_again(info)) ::raise(signal);
}

void pass_on(int signal, siginfo_t& info, void* context) {
  Previous& previous = *(mark(info) ? first : latest).load(std::memory_order_acquire);
  const Action& action = previous.action;
  const bool once = (static_cast<unsigned>(action.sa_flags) & SA_RESETHAND) != 0;
  if (action.sa_handler == SIG_IGN) {
    if (faults_again(info)) die(signal, info);
  } else if (action.sa_handler == SIG_DFL || (once && previous.spent.exchange(true))) {
    die(signal, info);
  } else if ((action.sa_flags & SA_SIGINFO) != 0) {
    action.sa_sigaction(signal, &info, context);
  } else {
    action.sa_handler(signal);
  }
}

/// Whether the program can continue: the access was a guarded or a direct one.
bool survive(const siginfo_t& info, void* context) {
  if (info.si_code != BUS_ADRERR) return false;
  return resume_guarded(context) ||
         give_up_direct_mapping(reinterpret_cast<std::uintptr_t>(info.si_addr));
}

void on_bus_error(int signal, siginfo_t* info, void* context) {
  const int saved = errno;
  if (!survive(*info, context)) pass_on(signal, *info, context);
  errno = saved;
}

bool is_ours(const Action& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == on_bus_error;
}

/// Keeps one entry for each different handler ever seen, so the list stays short. Call it under the
/// lock.
Previous* remember(const Action& action) {
  static auto& all = *new std::deque<Previous>;
  for (Previous& known : all) {
    // struct sigaction stores both kinds of handler function in the same place.
    if (known.action.sa_handler == action.sa_handler && known.action.sa_flags == action.sa_flags) {
      known.spent = false;
      return &known;
    }
  }
  return &all.emplace_back(action);
}

void change_action(const Action* wanted, Action* previous) {
  if (::sigaction(SIGBUS, wanted, previous) != 0) throw SysError(errno, "sigaction");
}

}  // namespace

void install_bus_error_handler() {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);

  Action current;
  change_action(nullptr, &current);
  if (is_ours(current)) return;

  // `latest` is set before the handler can run. The signal mask and the nesting are those that the
  // previous handler expects.
  latest = remember(current);
  if (first == nullptr) first = latest.load();
  Action ours{};
  ours.sa_sigaction = on_bus_error;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART | (current.sa_flags & SA_NODEFER);
  ours.sa_mask = current.sa_mask;
  Action replaced;
  change_action(&ours, &replaced);
  if (!is_ours(replaced)) latest = remember(replaced);  // other code was faster
}

}  // namespace vfio::sys
