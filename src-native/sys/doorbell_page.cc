// SPDX-License-Identifier: MIT
#include "sys/doorbell_page.h"

#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <utility>

#include "sys/syscalls.h"

namespace vfio::sys {

namespace {

enum class State : std::uint32_t {
  kServing,
  /// A store raised SIGBUS and is being repeated. The signal may have been raised before restore()
  /// made the page whole, and a whole page must not be given up. So only a second SIGBUS counts.
  kSuspect,
  kGivingUp,
  kLost,
  /// Closed. An earlier store may still raise its signal, so this entry is reused only if no entry
  /// is free.
  kRetired,
};

}  // namespace

struct DoorbellEntry {
  std::atomic<std::uintptr_t> page{0};  // 0: free
  std::atomic<State> state{State::kServing};
};

namespace {

/// Never freed: a handler may be reading the entries at any time.
std::array<DoorbellEntry, 256> entries;

/// Held while an entry is given to a page or freed. Handlers do not take it.
std::mutex entries_mutex;

DoorbellEntry* unused_entry() noexcept {
  const auto is_free = [](const DoorbellEntry& entry) { return entry.page.load() == 0; };
  const auto is_retired = [](const DoorbellEntry& entry) {
    return entry.state.load() == State::kRetired;
  };
  auto* entry = std::ranges::find_if(entries, is_free);
  if (entry == entries.end()) entry = std::ranges::find_if(entries, is_retired);
  return entry == entries.end() ? nullptr : entry;
}

DoorbellEntry* take_entry(std::uintptr_t page) {
  const std::lock_guard lock(entries_mutex);
  DoorbellEntry* const entry = unused_entry();
  if (entry == nullptr) return nullptr;
  entry->page.store(page);
  entry->state.store(State::kServing);
  return entry;
}

/// Frees the entry, unless it already has another page.
void free_entry(DoorbellEntry& entry, std::uintptr_t page) {
  const std::lock_guard lock(entries_mutex);
  if (entry.page.load() != page) return;
  entry.state.store(State::kServing);
  entry.page.store(0);
}

void wait_for_handler(const DoorbellEntry& entry) noexcept {
  // The handler is giving the page up, which takes as long as one mmap.
  while (entry.state.load() == State::kGivingUp) ::sched_yield();
}

/// Replaces the page with anonymous memory. Returns false if the kernel has no memory.
bool put_memory_at(std::uintptr_t page) noexcept {
  void* const place = reinterpret_cast<void*>(page);
  // This does not use the table that tests replace: that one takes a lock, and this runs in a
  // signal handler.
  return kernel_syscalls().mmap(place, page_size(), PROT_READ | PROT_WRITE,
                                MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                                0) != MAP_FAILED;
}

/// Call it after this thread has changed the state to kGivingUp.
bool finish_giving_up(DoorbellEntry& entry, std::uintptr_t page) noexcept {
  const bool given_up = put_memory_at(page);
  entry.state.store(given_up ? State::kLost : State::kSuspect);
  return given_up;
}

/// Returns whether the store can be repeated.
bool on_bus_error(DoorbellEntry& entry, std::uintptr_t page) noexcept {
  State state = State::kServing;
  if (entry.state.compare_exchange_strong(state, State::kSuspect)) return true;
  if (state == State::kRetired) return put_memory_at(page);
  // Another thread may have been faster: then the page is lost already, or soon will be.
  if (state != State::kSuspect) return true;
  if (!entry.state.compare_exchange_strong(state, State::kGivingUp)) return true;
  return finish_giving_up(entry, page);
}

}  // namespace

bool give_up_doorbell_page(std::uintptr_t address) noexcept {
  const std::uintptr_t page = address & ~(page_size() - 1);
  for (DoorbellEntry& entry : entries) {
    if (page != 0 && entry.page.load() == page) return on_bus_error(entry, page);
  }
  return false;
}

std::shared_ptr<DoorbellPage> DoorbellPage::make(Mapping page) {
  DoorbellEntry* const entry = take_entry(reinterpret_cast<std::uintptr_t>(page.data()));
  if (entry == nullptr) return nullptr;
  return std::shared_ptr<DoorbellPage>(new DoorbellPage(std::move(page), *entry));
}

DoorbellPage::DoorbellPage(Mapping page, DoorbellEntry& entry) noexcept
    : page_(std::move(page)), entry_(entry) {}

DoorbellPage::~DoorbellPage() { free_entry(entry_, reinterpret_cast<std::uintptr_t>(data())); }

void DoorbellPage::give_up() noexcept {
  for (State state : {State::kServing, State::kSuspect}) {
    if (!entry_.state.compare_exchange_strong(state, State::kGivingUp)) continue;
    finish_giving_up(entry_, entry_.page.load());
    return;
  }
}

bool DoorbellPage::is_lost() noexcept {
  State state = State::kSuspect;
  entry_.state.compare_exchange_strong(state, State::kServing);
  return state == State::kLost || state == State::kGivingUp;
}

void DoorbellPage::restore(Mapping fresh) {
  wait_for_handler(entry_);
  page_.replace_with(std::move(fresh));
  entry_.state.store(State::kServing);
}

void DoorbellPage::tombstone() noexcept {
  page_.tombstone();
  State state = State::kServing;
  while (!entry_.state.compare_exchange_weak(state, State::kRetired)) {
    if (state != State::kGivingUp) continue;
    wait_for_handler(entry_);
    state = State::kLost;
  }
}

}  // namespace vfio::sys
