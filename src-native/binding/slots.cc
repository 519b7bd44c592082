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
/// Greater than 0, so that 0 is not a valid handle.
constexpr std::uint32_t kFirstGeneration = 1;
/// Together with the index, this makes 30 bits: a positive Smi even in an engine whose Smis have 31
/// bits.
constexpr std::uint32_t kLastGeneration = (1U << 18) - 1;

/// Initially all zeros, so that it takes no space in the addon's file.
constinit std::array<Slot, kCount> slots{};

constexpr std::atomic<State> always_closed{State::kClosed};

/// The free entries. The one that has been free longest is reused first, so that a stale handle
/// stays invalid for as long as possible.
class FreeList final {
 public:
  FreeList() {
    for (std::uint32_t i = 0; i < kCount; ++i) free_.push_back(i);
  }
  std::uint32_t take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) {
      throw Error(ErrorCode::kUnsupported, "this process already uses 4096 regions, the maximum");
    }
    const std::uint32_t index = free_.front();
    free_.pop_front();
    return index;
  }
  void put_back(std::uint32_t index) {
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
  // An entry that has used all its generations is retired, so that no handle is ever reused.
  if (generation < kLastGeneration) free_list().put_back(handle & (kCount - 1));
}

void revoke_slot(Handle handle) noexcept {
  slot_at(handle).state.store(&always_closed, std::memory_order_relaxed);
}

}  // namespace vfio::binding
