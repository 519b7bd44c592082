// SPDX-License-Identifier: MIT
#include "sys/direct_mapping.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <utility>

#include "sys/syscalls.h"

namespace vfio::sys {

namespace {

enum class State : std::uint32_t {
  kServing,
  /// An access raised SIGBUS and is being repeated. The signal may have been raised before
  /// restore() made the mapping whole, and a whole mapping must not be given up. So only a second
  /// SIGBUS counts.
  kSuspect,
  kGivingUp,
  kLost,
  /// Closed, and replaced with ordinary memory. An earlier access may still raise its signal, so
  /// this entry is reused only if no entry is free.
  kRetired,
  /// Closed, but the kernel had no memory to replace it.
  kUnreplaced,
};

}  // namespace

struct DirectEntry {
  std::atomic<std::uintptr_t> begin{0};  // 0: free
  std::atomic<std::size_t> size{0};      // whole pages
  std::atomic<State> state{State::kServing};
};

namespace {

/// Never freed: a handler may be reading the entries at any time.
std::array<DirectEntry, 256> entries;

/// Held while an entry is given to a mapping or freed. Handlers do not take it.
std::mutex entries_mutex;

DirectEntry* unused_entry() noexcept {
  const auto is_free = [](const DirectEntry& entry) { return entry.begin.load() == 0; };
  const auto is_retired = [](const DirectEntry& entry) {
    return entry.state.load() == State::kRetired;
  };
  auto* entry = std::ranges::find_if(entries, is_free);
  if (entry == entries.end()) entry = std::ranges::find_if(entries, is_retired);
  return entry == entries.end() ? nullptr : entry;
}

DirectEntry* take_entry(const Mapping& mapping) {
  const std::lock_guard lock(entries_mutex);
  DirectEntry* const entry = unused_entry();
  if (entry == nullptr) return nullptr;
  // A handler must not see this mapping's address with the size or the state of another.
  entry->begin.store(0);
  entry->state.store(State::kServing);
  entry->size.store((mapping.size() + page_size() - 1) & ~(page_size() - 1));
  entry->begin.store(reinterpret_cast<std::uintptr_t>(mapping.data()));
  return entry;
}

/// Frees the entry, unless it already has another mapping.
void free_entry(DirectEntry& entry, std::uintptr_t begin) {
  const std::lock_guard lock(entries_mutex);
  if (entry.begin.load() != begin) return;
  entry.state.store(State::kServing);
  entry.begin.store(0);
}

void wait_for_handler(const DirectEntry& entry) noexcept {
  // The handler is giving the mapping up, which takes as long as one mmap.
  while (entry.state.load() == State::kGivingUp) ::sched_yield();
}

/// Not with the table that tests replace: that one takes a lock, and this runs in a signal handler.
bool put_memory_at(std::uintptr_t begin, std::size_t size) noexcept {
  return replace_with_zeros(reinterpret_cast<void*>(begin), size, kernel_syscalls());
}

/// Call it after this thread has changed the state to kGivingUp.
bool finish_giving_up(DirectEntry& entry) noexcept {
  const bool given_up = put_memory_at(entry.begin.load(), entry.size.load());
  entry.state.store(given_up ? State::kLost : State::kSuspect);
  return given_up;
}

/// Whether the page of an access can be accessed, after the mapping was replaced. If it cannot, the
/// kernel has no memory left for it, and the access would raise its signal again and again. Assumes
/// that it can before Linux 5.14.
bool is_accessible(std::uintptr_t access) noexcept {
  void* const page = reinterpret_cast<void*>(access & ~(page_size() - 1));
  return kernel_syscalls().madvise(page, page_size(), kPopulateWrite) == 0 || errno == EINVAL;
}

/// Returns whether the access can be repeated.
bool on_bus_error(DirectEntry& entry, std::uintptr_t access) noexcept {
  State state = State::kServing;
  if (entry.state.compare_exchange_strong(state, State::kSuspect)) return true;
  if (state == State::kUnreplaced) return put_memory_at(entry.begin.load(), entry.size.load());
  // Another thread may have been faster: then the mapping is replaced already, or soon will be.
  if (state == State::kLost || state == State::kRetired) return is_accessible(access);
  if (state != State::kSuspect) return true;
  if (!entry.state.compare_exchange_strong(state, State::kGivingUp)) return true;
  return finish_giving_up(entry);
}

}  // namespace

bool give_up_direct_mapping(std::uintptr_t address) noexcept {
  for (DirectEntry& entry : entries) {
    const std::uintptr_t begin = entry.begin.load();
    if (begin != 0 && address - begin < entry.size.load()) return on_bus_error(entry, address);
  }
  return false;
}

std::shared_ptr<DirectMapping> DirectMapping::make(Mapping mapping) {
  DirectEntry* const entry = take_entry(mapping);
  if (entry == nullptr) return nullptr;
  return std::shared_ptr<DirectMapping>(new DirectMapping(std::move(mapping), *entry));
}

DirectMapping::DirectMapping(Mapping mapping, DirectEntry& entry) noexcept
    : mapping_(std::move(mapping)), entry_(entry) {}

DirectMapping::~DirectMapping() { free_entry(entry_, reinterpret_cast<std::uintptr_t>(data())); }

void DirectMapping::give_up() noexcept {
  for (State state : {State::kServing, State::kSuspect}) {
    if (!entry_.state.compare_exchange_strong(state, State::kGivingUp)) continue;
    finish_giving_up(entry_);
    return;
  }
}

bool DirectMapping::is_lost() noexcept {
  State state = State::kSuspect;
  entry_.state.compare_exchange_strong(state, State::kServing);
  return state == State::kLost || state == State::kGivingUp;
}

void DirectMapping::restore(Mapping fresh) {
  wait_for_handler(entry_);
  mapping_.replace_with(std::move(fresh));
  entry_.state.store(State::kServing);
}

void DirectMapping::tombstone() noexcept {
  const State closed = mapping_.tombstone() ? State::kRetired : State::kUnreplaced;
  State state = State::kServing;
  while (!entry_.state.compare_exchange_weak(state, closed)) {
    if (state != State::kGivingUp) continue;
    wait_for_handler(entry_);
    state = State::kLost;
  }
}

}  // namespace vfio::sys
