// SPDX-License-Identifier: MIT
// Guarded accesses to a memfd that is truncated, which raises SIGBUS like a BAR without memory
// decode. Other bus errors are tested in forked children, because most of them end the process.
#include "sys/guarded.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <string_view>
#include <thread>

#include "sys/mapping.h"
#include "sys/unique_fd.h"

using namespace vfio::sys;

namespace {

/// A page of "device memory" that can be switched off and on. Unlike a sys::Mapping, children
/// inherit it.
class Page final {
 public:
  Page() : file_(::memfd_create("page", MFD_CLOEXEC)) {
    set_on(true);
    data_ = static_cast<std::uint8_t*>(
        ::mmap(nullptr, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(), 0));
  }
  ~Page() { ::munmap(data_, page_size()); }
  Page(const Page&) = delete;
  Page& operator=(const Page&) = delete;

  void set_on(bool on) {
    REQUIRE(::ftruncate(file_.get(), on ? static_cast<off_t>(page_size()) : 0) == 0);
  }
  template <typename T>
  volatile T* at(std::size_t offset) const {
    return reinterpret_cast<volatile T*>(data_ + offset);
  }
  std::uint8_t* data() const { return data_; }

 private:
  UniqueFd file_;
  std::uint8_t* data_;
};

/// Runs `body` in a child process. Returns its status from waitpid.
int run_child(const std::function<void()>& body) {
  std::cout.flush();  // otherwise the child may print it again
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    body();
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status;
}

bool died_of_bus_error(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS; }
bool exited_with(int status, int code) { return WIFEXITED(status) && WEXITSTATUS(status) == code; }

using Action = struct sigaction;

Action set_handler(const Action& action) {
  Action previous{};
  ::sigaction(SIGBUS, &action, &previous);
  return previous;
}

void set_handler(void (*handler)(int)) {
  Action action{};
  action.sa_handler = handler;
  set_handler(action);
}

void set_info_handler(void (*handler)(int, siginfo_t*, void*), int flags = 0) {
  Action action{};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | flags;
  set_handler(action);
}

/// An access that is not in the exception table.
void fault(const Page& page) { *page.at<std::uint8_t>(0); }

Page& switched_off() {
  static Page& page = *new Page;
  page.set_on(false);
  return page;
}

template <typename T>
void try_width(Page& page) {
  CAPTURE(sizeof(T));
  const T value = static_cast<T>(0x1122334455667788);
  page.set_on(true);
  std::memset(page.data(), 0xee, page_size());
  const std::size_t last = page_size() - sizeof(T);
  for (const std::size_t offset : {std::size_t{0}, sizeof(T), last}) {
    CHECK(guarded_store(page.at<T>(offset), value));
    T loaded = 0;
    CHECK(guarded_load(page.at<T>(offset), loaded));
    CHECK(loaded == value);
  }
  // The bytes around them did not change.
  for (std::size_t i = 2 * sizeof(T); i < last; ++i) REQUIRE(page.data()[i] == 0xee);

  page.set_on(false);
  T untouched = 42;
  CHECK_FALSE(guarded_load(page.at<T>(0), untouched));
  CHECK(untouched == 42);
  CHECK_FALSE(guarded_store(page.at<T>(last), value));

  page.set_on(true);
  CHECK(guarded_load(page.at<T>(0), untouched));
  CHECK(untouched == 0);
  CHECK(guarded_store(page.at<T>(last), value));
  CHECK(*page.at<T>(last) == value);
}

}  // namespace

TEST_CASE(
    "F2/ an access of each width survives a bus error, and works again when the device does") {
  install_bus_error_handler();
  Page page;
  try_width<std::uint8_t>(page);
  try_width<std::uint16_t>(page);
  try_width<std::uint32_t>(page);
  try_width<std::uint64_t>(page);
}

TEST_CASE("F2/ a bus error leaves errno alone") {
  install_bus_error_handler();
  std::uint32_t value = 0;
  errno = EXDEV;
  CHECK_FALSE(guarded_load(switched_off().at<std::uint32_t>(0), value));
  CHECK(errno == EXDEV);
}

TEST_CASE("F2/ errno is as it was whatever the handler that was there before does to it") {
  CHECK(exited_with(run_child([] {
                      set_info_handler([](int, siginfo_t*, void*) {
                        switched_off().set_on(true);
                        errno = EIO;
                      });
                      install_bus_error_handler();
                      const Page& page = switched_off();
                      errno = EXDEV;
                      fault(page);
                      ::_exit(errno == EXDEV ? 46 : 1);
                    }),
                    46));
}

TEST_CASE("F2/ a bus error is handled on the stack that a thread has for its signals") {
  static std::array<std::uint8_t, 1 << 16> stack;
  CHECK(exited_with(run_child([] {
                      const stack_t own{
                          .ss_sp = stack.data(), .ss_flags = 0, .ss_size = stack.size()};
                      ::sigaltstack(&own, nullptr);
                      set_info_handler([](int, siginfo_t*, void*) {
                        stack_t current;
                        ::sigaltstack(nullptr, &current);
                        ::_exit((current.ss_flags & SS_ONSTACK) != 0 ? 47 : 1);
                      });
                      install_bus_error_handler();
                      fault(switched_off());
                    }),
                    47));
}

TEST_CASE("F2/ a system call that the signal interrupts goes on") {
  CHECK(exited_with(run_child([] {
                      set_handler(SIG_IGN);
                      install_bus_error_handler();
                      std::array<int, 2> ends{};
                      if (::pipe(ends.data()) != 0) ::_exit(1);
                      const pid_t reader = ::getpid();
                      if (::fork() == 0) {
                        std::this_thread::sleep_for(std::chrono::milliseconds(20));
                        ::kill(reader, SIGBUS);
                        std::this_thread::sleep_for(std::chrono::milliseconds(20));
                        ::_exit(static_cast<int>(::write(ends[1], "x", 1)));
                      }
                      char byte = 0;
                      ::_exit(::read(ends[0], &byte, 1) == 1 ? 48 : 1);
                    }),
                    48));
}

TEST_CASE("F2/ threads meet bus errors while the device comes and goes") {
  install_bus_error_handler();
  Page page;
  std::atomic<bool> done{false};
  std::atomic<unsigned> failed{0};
  std::atomic<unsigned> succeeded{0};
  std::array<std::thread, 4> threads;
  for (std::thread& thread : threads) {
    thread = std::thread([&] {
      std::uint32_t value = 0;
      while (!done) {
        const bool good = guarded_store(page.at<std::uint32_t>(8), 1U) &&
                          guarded_load(page.at<std::uint32_t>(16), value);
        ++(good ? succeeded : failed);
      }
    });
  }
  for (int i = 0; i < 10000 && (i < 500 || failed == 0 || succeeded == 0); ++i) {
    page.set_on(i % 2 == 0);
    std::this_thread::yield();
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
  CHECK(failed > 0);
  CHECK(succeeded > 0);
}

TEST_CASE("F2/ another bus error goes to the handler that was there before") {
  SUBCASE("with information") {
    CHECK(exited_with(run_child([] {
                        set_info_handler([](int signal, siginfo_t* info, void* context) {
                          const bool whole = signal == SIGBUS && info->si_code == BUS_ADRERR &&
                                             info->si_addr == switched_off().data() &&
                                             context != nullptr;
                          ::_exit(whole ? 41 : 1);
                        });
                        install_bus_error_handler();
                        fault(switched_off());
                      }),
                      41));
  }
  SUBCASE("without") {
    CHECK(exited_with(run_child([] {
                        set_handler([](int signal) { ::_exit(signal == SIGBUS ? 42 : 1); });
                        install_bus_error_handler();
                        fault(switched_off());
                      }),
                      42));
  }
  SUBCASE("with its signal mask") {
    CHECK(exited_with(run_child([] {
                        Action action{};
                        action.sa_handler = [](int) {
                          sigset_t blocked;
                          ::sigprocmask(SIG_BLOCK, nullptr, &blocked);
                          ::_exit(sigismember(&blocked, SIGUSR1) == 1 ? 43 : 1);
                        };
                        sigaddset(&action.sa_mask, SIGUSR1);
                        set_handler(action);
                        install_bus_error_handler();
                        fault(switched_off());
                      }),
                      43));
  }
}

TEST_CASE("F2/ without a handler before, another bus error is deadly as ever") {
  const auto with = [](void (*handler)(int), const std::function<void()>& end) {
    return run_child([&] {
      set_handler(handler);
      install_bus_error_handler();
      end();
    });
  };
  CHECK(died_of_bus_error(with(SIG_DFL, [] { fault(switched_off()); })));
  CHECK(died_of_bus_error(with(SIG_DFL, [] { ::raise(SIGBUS); })));
  CHECK(died_of_bus_error(with(SIG_IGN, [] { fault(switched_off()); })));
  CHECK(exited_with(with(SIG_IGN, [] { ::raise(SIGBUS); }), 0));
}

TEST_CASE("F2/ a handler for one signal gets one signal") {
  static std::atomic<int>* const calls =
      new (::mmap(nullptr, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))
          std::atomic<int>(0);
  const int status = run_child([] {
    set_info_handler([](int, siginfo_t*, void*) { ++*calls; }, static_cast<int>(SA_RESETHAND));
    install_bus_error_handler();
    fault(switched_off());  // would fault in an endless loop if the handler stayed
  });
  CHECK(died_of_bus_error(status));
  CHECK(*calls == 1);
}

TEST_CASE("F2/ a handler for one signal that is set again gets one signal more") {
  static int calls = 0;
  static Page& page = *new Page;
  CHECK(exited_with(run_child([] {
                      for (int i = 0; i < 2; ++i) {
                        page.set_on(false);
                        set_info_handler(
                            [](int, siginfo_t*, void*) {
                              ++calls;
                              page.set_on(true);
                            },
                            static_cast<int>(SA_RESETHAND));
                        install_bus_error_handler();
                        fault(page);
                      }
                      ::_exit(calls == 2 ? 49 : 1);
                    }),
                    49));
}

TEST_CASE("F2/ SIGBUS is taken back from whoever replaced us, and he keeps the rest") {
  CHECK(exited_with(run_child([] {
                      install_bus_error_handler();
                      set_handler([](int) { ::_exit(44); });
                      install_bus_error_handler();
                      install_bus_error_handler();
                      std::uint64_t value = 0;
                      if (guarded_load(switched_off().at<std::uint64_t>(0), value)) ::_exit(1);
                      fault(switched_off());
                    }),
                    44));
}

TEST_CASE("F2/ a handler that passes signals on to us does not get them back for ever") {
  static Action ours;
  const auto pass_on = [](int signal, siginfo_t* info, void* context) {
    ours.sa_sigaction(signal, info, context);
  };
  CHECK(died_of_bus_error(run_child([&] {
    install_bus_error_handler();
    Action action{};
    action.sa_sigaction = pass_on;
    action.sa_flags = SA_SIGINFO;
    ours = set_handler(action);
    install_bus_error_handler();
    std::uint32_t value = 0;
    if (guarded_load(switched_off().at<std::uint32_t>(0), value)) ::_exit(1);
    fault(switched_off());
  })));
  // The same while the other handler is installed: guarded accesses then work through it.
  CHECK(died_of_bus_error(run_child([&] {
    install_bus_error_handler();
    Action action{};
    action.sa_sigaction = pass_on;
    action.sa_flags = SA_SIGINFO;
    ours = set_handler(action);
    std::uint32_t value = 0;
    if (guarded_load(switched_off().at<std::uint32_t>(0), value)) ::_exit(1);
    fault(switched_off());
  })));
}

// Not under sanitizers: UndefinedBehaviorSanitizer rightly reports the misaligned pointer.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
/// Sets the processor flag that makes a misaligned access a bus error (BUS_ADRALN), also inside the
/// C library.
void set_alignment_check(bool on) {
  constexpr unsigned long long kFlag = 0x40000;
  const auto others = __builtin_ia32_readeflags_u64() & ~kFlag;
  __builtin_ia32_writeeflags_u64(others | (on ? kFlag : 0));
}

/// valgrind's processor keeps the flag but raises no error.
bool under_valgrind() {
  const char* const preloaded = std::getenv("LD_PRELOAD");
  return preloaded != nullptr &&
         std::string_view(preloaded).find("vgpreload") != std::string_view::npos;
}

TEST_CASE("F2/ a guarded access that fails for another reason is not ours to hide") {
  if (under_valgrind()) return;
  CHECK(exited_with(run_child([] {
                      set_info_handler([](int, siginfo_t* info, void*) {
                        set_alignment_check(false);
                        ::_exit(info->si_code == BUS_ADRALN ? 45 : 1);
                      });
                      install_bus_error_handler();
                      Page page;
                      std::uint32_t value = 0;
                      const auto* crooked = page.at<std::uint32_t>(1);
                      set_alignment_check(true);
                      const bool done = guarded_load(crooked, value);
                      set_alignment_check(false);
                      ::_exit(done ? 1 : 2);
                    }),
                    45));
}
#endif
