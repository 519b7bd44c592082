// SPDX-License-Identifier: MIT
#include "binding/accessors.h"

#include <node_api.h>

#include <cstdint>

#include "binding/access.h"
#include "binding/define.h"

namespace vfio::binding {

namespace {

/// Checks (handle, offset), the first two arguments of every accessor.
Target target_of(napi_env env, const napi_value* arguments, std::uint64_t width) noexcept {
  const SlotRef ref = find_slot(env, arguments[0]);
  std::uint64_t offset = 0;
  if (offset_from(env, arguments[1], offset) || ref.failure != kNone) {
    return target_in(ref, offset, width);
  }
  Target target;
  target.failure = failure_of(ErrorCode::kRange);
  return target;
}

template <typename Value>
napi_value read(napi_env env, napi_callback_info info) noexcept {
  std::size_t count = 2;
  napi_value arguments[2];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  Value value{};
  const std::int32_t failure = load(target_of(env, arguments, sizeof value), value);
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
  std::int32_t failure = failure_of(ErrorCode::kRange);
  if (value_from(env, arguments[2], value)) {
    failure = store(target_of(env, arguments, sizeof value), value);
  }
  napi_value result = nullptr;
  if (failure != kNone) napi_create_int32(env, failure, &result);
  return result;
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
