// SPDX-License-Identifier: MIT
#include "binding/slots.h"

#include <algorithm>
#include <array>
#include <deque>
#include <mutex>

#include "vfio/errors.h"

namespace vfio::binding {

namespace {

constexpr unsigned kIndexBits = 12;
constexpr std::uint32_t kCount = 1U << kIndexBits;
/// Above 0, so that 0 is no handle.
constexpr std::uint32_t kFirstGeneration = 1;
/// With the index this makes 30 bits: a positive Smi also where those have 31 bits.
constexpr std::uint32_t kLastGeneration = (1U << 18) - 1;

/// All zeros at first, so that it takes no room in the addon's file.
constinit std::array<Slot, kCount> slots{};

constexpr std::atomic<State> always_closed{State::kClosed};

/// Which entries are free, longest free first, so that a stale handle stays stale for long.
class FreeList final {
 public:
  FreeList() {
    for (std::uint32_t i = 0; i < kCount; ++i) free_.push_back(i);
  }
  std::uint32_t take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) {
      throw Error(ErrorCode::kUnsupported, "4096 regions are in use in this process already");
    }
    const std::uint32_t index = free_.front();
    free_.pop_front();
    return index;
  }
  void give_back(std::uint32_t index) {
    const std::lock_guard lock(mutex_);
    free_.push_back(index);
  }

 private:
  std::mutex mutex_;
  std::deque<std::uint32_t> free_;
};

/// Never destroyed: workers may still end while the process exits.
FreeList& free_list() {
  static FreeList* const list = new FreeList;
  return *list;
}

}  // namespace

Slot& slot_at(Handle handle) noexcept { return slots[handle & (kCount - 1)]; }

Handle acquire_slot(napi_env env, const std::shared_ptr<Function>& function, std::uint32_t region) {
  const auto& info = function->regions().info(region);
  if (!info || info->size == 0) {
    throw Error(ErrorCode::kUnsupported,
                function->address() + " has no region " + std::to_string(region));
  }
  const Window window = function->regions().window(region);
  const std::uint32_t index = free_list().take();
  Slot& slot = slots[index];
  slot.window = window;
  slot.size = info->size;
  slot.region = region;
  slot.function = function;
  slot.state.store(&function->state(), std::memory_order_relaxed);
  const std::uint32_t generation =
      std::max(slot.generation.load(std::memory_order_relaxed), kFirstGeneration);
  slot.generation.store(generation, std::memory_order_relaxed);
  slot.env.store(env, std::memory_order_relaxed);
  return generation << kIndexBits | index;
}

void release_slot(napi_env env, Handle handle) noexcept {
  Slot& slot = slot_at(handle);
  const std::uint32_t generation = generation_of(handle);
  if (slot.generation.load(std::memory_order_relaxed) != generation ||
      slot.env.load(std::memory_order_relaxed) != env) {
    return;
  }
  slot.env.store(nullptr, std::memory_order_relaxed);
  slot.generation.store(generation + 1, std::memory_order_relaxed);
  slot.function.reset();
  slot.window = {};
  // An entry whose generations are used up is retired, so that no handle ever means two things.
  if (generation < kLastGeneration) free_list().give_back(handle & (kCount - 1));
}

void revoke_slot(Handle handle) noexcept {
  slot_at(handle).state.store(&always_closed, std::memory_order_relaxed);
}

}  // namespace vfio::binding
