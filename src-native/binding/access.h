// SPDX-License-Identifier: MIT
// Makes one checked and guarded register access through a handle. The accessors and the sequences
// of accesses are built from it. No JavaScript runs here and nothing throws.
#pragma once

#include <node_api.h>

#include <algorithm>
#include <cstdint>

#include "binding/slots.h"
#include "sys/guarded.h"
#include "vfio/errors.h"

namespace vfio::binding {

// AccessFailure of lib/native.ts is 0, the number of one of the library's error codes (see
// failure_of), or one of these.
constexpr std::int32_t kNone = 0;
constexpr std::int32_t kNotYet = -9;
/// A failed system call: this value minus errno.
constexpr std::int32_t kSystem = -1000;
/// In a flush, the read failed after the write: this value plus the failure of the read.
constexpr std::int32_t kReadBack = -1000000;

/// -1 for the first code, -2 for the second, and so on. Codes that only a back end throws become
/// kUnsupported.
constexpr std::int32_t failure_of(ErrorCode code) noexcept {
  return -1 - static_cast<std::int32_t>(std::min(code, ErrorCode::kUnsupported));
}
// The same numbers as in lib/native.ts.
static_assert(failure_of(ErrorCode::kClosed) == -1);
static_assert(failure_of(ErrorCode::kBusy) == -2);
static_assert(failure_of(ErrorCode::kLost) == -3);
static_assert(failure_of(ErrorCode::kBus) == -4);
static_assert(failure_of(ErrorCode::kRange) == -5);
static_assert(failure_of(ErrorCode::kAlign) == -6);
static_assert(failure_of(ErrorCode::kWrongThread) == -7);
static_assert(failure_of(ErrorCode::kUnsupported) == -8);
static_assert(kNotYet == -9);

/// The slot of a handle of this env, or the reason why there is none.
struct SlotRef {
  std::int32_t failure;
  Slot* slot;
};

/// A checked access: its target, or the reason why it is refused.
struct Target {
  std::int32_t failure = kNone;
  Slot* slot = nullptr;
  std::uint64_t offset = 0;
  /// Null if the register is not mapped.
  volatile std::uint8_t* address = nullptr;
};

inline std::int32_t failure_of(State state) noexcept {
  if (state == State::kLive) [[likely]] {
    return kNone;
  }
  if (state == State::kBusy) return failure_of(ErrorCode::kBusy);
  return failure_of(state == State::kLost ? ErrorCode::kLost : ErrorCode::kClosed);
}

/// Checked before each access of a sequence, because another thread may reset, close or revoke the
/// function in between.
inline std::int32_t state_failure(const Slot& slot) noexcept {
  return failure_of(slot.state.load(std::memory_order_relaxed)->load(std::memory_order_acquire));
}

// The order matters: the other members of a slot may be read only if its generation and env match.
inline SlotRef find_slot(napi_env env, Handle handle) noexcept {
  Slot& slot = slot_at(handle);
  if (slot.generation.load(std::memory_order_relaxed) != generation_of(handle)) {
    return {failure_of(ErrorCode::kClosed), nullptr};
  }
  if (const napi_env owner = slot.env.load(std::memory_order_relaxed); owner != env) [[unlikely]] {
    return {failure_of(owner == nullptr ? ErrorCode::kClosed : ErrorCode::kWrongThread), nullptr};
  }
  return {kNone, &slot};
}

inline SlotRef find_slot(napi_env env, napi_value value) noexcept {
  Handle handle = 0;
  napi_get_value_uint32(env, value, &handle);
  return find_slot(env, handle);
}

/// Checks the state of the function, then the offset. This is repeated before each access of a
/// sequence.
inline Target target_in(const SlotRef& ref, std::uint64_t offset, std::uint64_t width) noexcept {
  if (ref.slot == nullptr) return {.failure = ref.failure};
  Slot& slot = *ref.slot;
  if (const std::int32_t failure = state_failure(slot); failure != kNone) [[unlikely]] {
    return {.failure = failure};
  }
  if (width > slot.size || offset > slot.size - width)
    return {.failure = failure_of(ErrorCode::kRange)};
  if (offset % width != 0) return {.failure = failure_of(ErrorCode::kAlign)};
  const Window& window = slot.window;
  const bool mapped = offset >= window.begin && offset + width <= window.end;
  return {.slot = &slot, .offset = offset, .address = mapped ? window.base + offset : nullptr};
}

/// Converts a whole number in [0, 2^53]. Returns false for any other value.
inline bool offset_from(napi_env env, napi_value value, std::uint64_t& offset) noexcept {
  double number = -1;
  if (napi_get_value_double(env, value, &number) != napi_ok) return false;
  if (!(number >= 0 && number <= 9007199254740992.0)) return false;
  offset = static_cast<std::uint64_t>(number);
  return static_cast<double>(offset) == number;
}

/// A bus error, unless the function was reset or closed during the access.
inline std::int32_t bus_failure(const Slot& slot) noexcept {
  const std::int32_t failure = state_failure(slot);
  return failure != kNone ? failure : failure_of(ErrorCode::kBus);
}

// Registers that are not mapped are accessed through the back end, with the same failures. These
// functions take no Target, so that no Target needs an address in memory: it stays in processor
// registers.
std::int32_t backend_read(Slot& slot, std::uint64_t offset, unsigned width,
                          std::uint64_t& value) noexcept;
std::int32_t backend_write(Slot& slot, std::uint64_t offset, unsigned width,
                           std::uint64_t value) noexcept;

template <typename Value>
[[gnu::always_inline]] inline std::int32_t load(const Target& target, Value& value) noexcept {
  if (target.failure != kNone) return target.failure;
  if (target.address != nullptr) {
    const auto* address = reinterpret_cast<const volatile Value*>(target.address);
    return sys::guarded_load(address, value) ? kNone : bus_failure(*target.slot);
  }
  std::uint64_t wide = 0;
  const std::int32_t failure = backend_read(*target.slot, target.offset, sizeof(Value), wide);
  if (failure == kNone) value = static_cast<Value>(wide);
  return failure;
}

template <typename Value>
[[gnu::always_inline]] inline std::int32_t store(const Target& target, Value value) noexcept {
  if (target.failure != kNone) return target.failure;
  if (target.address != nullptr) {
    auto* address = reinterpret_cast<volatile Value*>(target.address);
    return sys::guarded_store(address, value) ? kNone : bus_failure(*target.slot);
  }
  return backend_write(*target.slot, target.offset, sizeof(Value), value);
}

}  // namespace vfio::binding
