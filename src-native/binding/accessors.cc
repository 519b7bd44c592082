// SPDX-License-Identifier: MIT
#include "binding/accessors.h"

#include <node_api.h>

#include <cstdint>
#include <type_traits>

#include "binding/slots.h"
#include "sys/errors.h"
#include "sys/guarded.h"
#include "vfio/errors.h"

namespace vfio::binding {

namespace {

/// AccessFailure of lib/native.ts. Below kSystem lies a system call's errno.
enum Failure : std::int32_t {
  kNone = 0,
  kClosed = -1,
  kBusy = -2,
  kLost = -3,
  kBus = -4,
  kRange = -5,
  kAlign = -6,
  kWrongThread = -7,
  kUnsupported = -8,
  kSystem = -1000,
};

std::int32_t failure_of(const Error& error) noexcept {
  switch (error.code()) {
    case ErrorCode::kClosed:
      return kClosed;
    case ErrorCode::kBusy:
      return kBusy;
    case ErrorCode::kLost:
      return kLost;
    case ErrorCode::kBus:
      return kBus;
    case ErrorCode::kRange:
      return kRange;
    case ErrorCode::kAlign:
      return kAlign;
    default:
      return kUnsupported;
  }
}

std::int32_t failure_of(State state) noexcept {
  switch (state) {
    case State::kLive:
      return kNone;
    case State::kBusy:
      return kBusy;
    case State::kLost:
      return kLost;
    case State::kClosed:
      return kClosed;
  }
  return kClosed;
}

/// A checked access: where it goes, or why not.
struct Target {
  std::int32_t failure = kNone;
  Slot* slot = nullptr;
  std::uint64_t offset = 0;
  /// Not null when the register is mapped.
  volatile std::uint8_t* address = nullptr;
};

/// A whole number in [0, 2^53]; what is not one fails the comparison back.
bool offset_from(napi_env env, napi_value value, std::uint64_t& offset) noexcept {
  double number = -1;
  if (napi_get_value_double(env, value, &number) != napi_ok) return false;
  if (!(number >= 0 && number <= 9007199254740992.0)) return false;
  offset = static_cast<std::uint64_t>(number);
  return static_cast<double>(offset) == number;
}

// The order matters: a slot's contents may be read only once its generation and env match.
Target target_of(napi_env env, napi_value handle_value, napi_value offset_value,
                 std::uint64_t width) noexcept {
  Target target;
  Handle handle = 0;
  napi_get_value_uint32(env, handle_value, &handle);
  Slot& slot = slot_at(handle);
  if (slot.generation.load(std::memory_order_relaxed) != generation_of(handle)) {
    target.failure = kClosed;
  } else if (slot.env.load(std::memory_order_relaxed) != env) {
    target.failure = kWrongThread;
  } else if (const State state = slot.function->state().load(std::memory_order_acquire);
             state != State::kLive) {
    target.failure = failure_of(state);
  } else if (!offset_from(env, offset_value, target.offset) || width > slot.size ||
             target.offset > slot.size - width) {
    target.failure = kRange;
  } else if (target.offset % width != 0) {
    target.failure = kAlign;
  } else {
    target.slot = &slot;
    const Window& window = slot.window;
    if (target.offset >= window.begin && target.offset + width <= window.end) {
      target.address = window.base + target.offset;
    }
  }
  return target;
}

/// A bus error, unless the function was reset or closed under the access.
std::int32_t bus_failure(const Slot& slot) noexcept {
  const std::int32_t failure = failure_of(slot.function->state().load(std::memory_order_acquire));
  return failure != kNone ? failure : kBus;
}

/// What is not mapped goes through the back end, with the same errors.
template <typename Access>
std::int32_t through_backend(Access&& access) noexcept {
  try {
    access();
    return kNone;
  } catch (const Error& error) {
    return failure_of(error);
  } catch (const sys::SysError& error) {
    return kSystem - error.error();
  } catch (...) {
    return kUnsupported;
  }
}

template <typename Value>
std::int32_t load(const Target& target, Value& value) noexcept {
  if (target.failure != kNone) return target.failure;
  Slot& slot = *target.slot;
  if (target.address != nullptr) {
    const auto* address = reinterpret_cast<const volatile Value*>(target.address);
    return sys::guarded_load(address, value) ? kNone : bus_failure(slot);
  }
  return through_backend([&] {
    value = static_cast<Value>(slot.function->read(slot.region, target.offset, sizeof(Value)));
  });
}

template <typename Value>
std::int32_t store(const Target& target, Value value) noexcept {
  if (target.failure != kNone) return target.failure;
  Slot& slot = *target.slot;
  if (target.address != nullptr) {
    auto* address = reinterpret_cast<volatile Value*>(target.address);
    return sys::guarded_store(address, value) ? kNone : bus_failure(slot);
  }
  return through_backend(
      [&] { slot.function->write(slot.region, target.offset, sizeof(Value), value); });
}

template <typename Value>
napi_value read(napi_env env, napi_callback_info info) noexcept {
  std::size_t count = 2;
  napi_value arguments[2];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  Value value{};
  const std::int32_t failure =
      load(target_of(env, arguments[0], arguments[1], sizeof value), value);
  napi_value result = nullptr;
  if (failure != kNone) {
    napi_create_int32(env, failure, &result);
  } else if constexpr (sizeof(Value) == 8) {
    napi_create_bigint_uint64(env, value, &result);
  } else {
    napi_create_uint32(env, value, &result);
  }
  return result;
}

template <typename Value>
bool value_from(napi_env env, napi_value argument, Value& value) noexcept {
  if constexpr (sizeof(Value) == 8) {
    bool lossless = false;
    return napi_get_value_bigint_uint64(env, argument, &value, &lossless) == napi_ok && lossless;
  } else {
    std::int64_t number = -1;
    if (napi_get_value_int64(env, argument, &number) != napi_ok) return false;
    value = static_cast<Value>(number);
    return number == static_cast<std::int64_t>(value);
  }
}

template <typename Value>
napi_value write(napi_env env, napi_callback_info info) noexcept {
  std::size_t count = 3;
  napi_value arguments[3];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  Value value{};
  std::int32_t failure = kRange;
  if (value_from(env, arguments[2], value)) {
    failure = store(target_of(env, arguments[0], arguments[1], sizeof value), value);
  }
  napi_value result = nullptr;
  if (failure != kNone) napi_create_int32(env, failure, &result);
  return result;
}

void define(Napi::Object exports, const char* name, napi_callback callback) {
  const Napi::Env env = exports.Env();
  napi_value function = nullptr;
  const napi_status status =
      napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
  NAPI_THROW_IF_FAILED_VOID(env, status);
  exports.Set(name, Napi::Value(env, function));
}

}  // namespace

void define_accessors(Napi::Object exports) {
  define(exports, "read8", read<std::uint8_t>);
  define(exports, "read16", read<std::uint16_t>);
  define(exports, "read32", read<std::uint32_t>);
  define(exports, "read64", read<std::uint64_t>);
  define(exports, "write8", write<std::uint8_t>);
  define(exports, "write16", write<std::uint16_t>);
  define(exports, "write32", write<std::uint32_t>);
  define(exports, "write64", write<std::uint64_t>);
}

}  // namespace vfio::binding
