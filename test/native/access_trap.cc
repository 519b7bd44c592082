// SPDX-License-Identifier: MIT
#include "access_trap.h"

#if defined(__x86_64__)

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace vfio::testing {

namespace {

using Action = struct sigaction;

constexpr greg_t kTrapFlag = 0x100;
/// Bit 1 of the page fault's error code: the access was a write.
constexpr greg_t kFaultOfWrite = 1 << 1;

constexpr std::size_t kMaxRanges = 8;
constexpr std::size_t kMaxAccesses = std::size_t{1} << 16;

struct Range {
  std::span<std::uint8_t> pages;
  bool open = false;  // for the instruction that is being executed

  bool holds(const std::uint8_t* address) const {
    return address >= pages.data() && address < pages.data() + pages.size();
  }
  void protect(int protection) const { ::mprotect(pages.data(), pages.size(), protection); }
};

struct Answer {
  std::uint32_t range = 0;
  std::uint64_t offset = 0;
  unsigned nth = 0;  // 0: there is none
  unsigned reads = 0;
  std::uint32_t value = 0;
};

/// Used by one thread and, between its instructions, by the handlers.
struct Trap {
  bool armed = false;
  std::array<Range, kMaxRanges> ranges;
  std::uint32_t range_count = 0;
  Answer answer;
  std::array<TrappedAccess, kMaxAccesses> accesses;
  std::size_t access_count = 0;
  std::size_t dropped = 0;
  int own_memory = -1;  // /proc/self/mem: can read memory that may not be mapped
  Action previous_fault{};
  Action previous_step{};

  std::span<Range> watched() { return {ranges.data(), range_count}; }
};

Trap& trap() {
  static Trap* const only = new Trap;
  return *only;
}

/// Passes the signal on to the previous handler. By default, the process dies when this handler
/// returns.
void pass_on(const Action& previous, int signal, siginfo_t* info, void* context) {
  if ((static_cast<unsigned>(previous.sa_flags) & SA_SIGINFO) != 0) {
    previous.sa_sigaction(signal, info, context);
  } else if (previous.sa_handler == SIG_DFL || previous.sa_handler == SIG_IGN) {
    ::signal(signal, SIG_DFL);
    ::raise(signal);
  } else {
    previous.sa_handler(signal);
  }
}

void record(const TrappedAccess& access) {
  if (trap().access_count == kMaxAccesses) {
    ++trap().dropped;
  } else {
    trap().accesses[trap().access_count++] = access;
  }
}

/// The range is open now: the repeated instruction finds the value that is stored there.
void play_device(const TrappedAccess& access) {
  Answer& answer = trap().answer;
  if (answer.nth == 0 || access.write || access.range != answer.range ||
      access.offset != answer.offset) {
    return;
  }
  const std::uint32_t found = ++answer.reads % answer.nth == 0 ? answer.value : 0;
  std::memcpy(trap().ranges[answer.range].pages.data() + answer.offset, &found, sizeof found);
}

/// Handles an access to a closed page. Returns whether it was one.
bool let_through(const std::uint8_t* address, greg_t* registers) {
  if (!trap().armed) return false;
  for (std::uint32_t i = 0; i < trap().range_count; ++i) {
    Range& range = trap().ranges[i];
    if (!range.holds(address) || range.open) continue;
    TrappedAccess access{.range = i,
                         .write = (registers[REG_ERR] & kFaultOfWrite) != 0,
                         .offset = static_cast<std::uint64_t>(address - range.pages.data())};
    const ssize_t size =
        ::pread(trap().own_memory, access.code.data(), access.code.size(), registers[REG_RIP]);
    access.code_size = static_cast<std::uint8_t>(size > 0 ? size : 0);
    record(access);
    range.protect(PROT_READ | PROT_WRITE);
    range.open = true;
    play_device(access);
    registers[REG_EFL] |= kTrapFlag;
    return true;
  }
  return false;
}

/// Closes the pages after the instruction. Returns whether any were open.
bool close_again(greg_t* registers) {
  bool any = false;
  for (Range& range : trap().watched()) {
    if (!range.open) continue;
    range.open = false;
    if (trap().armed) range.protect(PROT_NONE);
    any = true;
  }
  if (any) registers[REG_EFL] &= ~kTrapFlag;
  return any;
}

greg_t* registers_of(void* context) { return static_cast<ucontext_t*>(context)->uc_mcontext.gregs; }

void on_fault(int signal, siginfo_t* info, void* context) {
  const int saved = errno;
  if (!let_through(static_cast<std::uint8_t*>(info->si_addr), registers_of(context))) {
    pass_on(trap().previous_fault, signal, info, context);
  }
  errno = saved;
}

void on_step(int signal, siginfo_t* info, void* context) {
  const int saved = errno;
  if (!close_again(registers_of(context))) {
    pass_on(trap().previous_step, signal, info, context);
  }
  errno = saved;
}

void install(int signal, void (*handler)(int, siginfo_t*, void*), Action& previous) {
  Action ours{};
  ours.sa_sigaction = handler;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
  if (::sigaction(signal, &ours, &previous) != 0) throw std::runtime_error("sigaction");
}

void prepare() {
  if (trap().own_memory >= 0) return;
  trap().own_memory = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  if (trap().own_memory < 0) throw std::runtime_error("/proc/self/mem cannot be opened");
  install(SIGSEGV, on_fault, trap().previous_fault);
  install(SIGTRAP, on_step, trap().previous_step);
}

}  // namespace

std::uint32_t watch_accesses(std::span<std::uint8_t> pages) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  if (reinterpret_cast<std::uintptr_t>(pages.data()) % page != 0 || pages.size() % page != 0) {
    throw std::runtime_error("only whole pages can be watched");
  }
  if (trap().range_count == kMaxRanges) throw std::runtime_error("too many ranges to watch");
  prepare();
  trap().ranges[trap().range_count].pages = pages;
  return trap().range_count++;
}

void answer_read(std::uint32_t range, std::uint64_t offset, unsigned nth, std::uint32_t value) {
  const bool inside = range < trap().range_count &&
                      offset + sizeof value <= trap().ranges[range].pages.size() && nth > 0;
  if (!inside) throw std::runtime_error("there is no such register in this range");
  trap().answer = {.range = range, .offset = offset, .nth = nth, .reads = 0, .value = value};
}

void arm_access_trap() {
  trap().access_count = 0;
  trap().dropped = 0;
  trap().armed = true;
  for (const Range& range : trap().watched()) range.protect(PROT_NONE);
}

std::vector<TrappedAccess> disarm_access_trap() {
  trap().armed = false;
  trap().answer = {};
  for (const Range& range : trap().watched()) range.protect(PROT_READ | PROT_WRITE);
  if (trap().dropped > 0) throw std::runtime_error("more accesses than the trap can keep");
  const auto begin = trap().accesses.begin();
  return {begin, begin + static_cast<std::ptrdiff_t>(trap().access_count)};
}

}  // namespace vfio::testing

#endif
