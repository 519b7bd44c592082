// SPDX-License-Identifier: MIT
// read8 to read64(handle, offset), as bare Node-API calls.
#include "calls.h"

namespace bench {

namespace {

template <typename Value>
napi_value read(napi_env env, napi_callback_info info) {
  std::size_t count = 2;
  napi_value arguments[2];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  const Value value = *register_of<Value>(env, arguments);
  napi_value result = nullptr;
  if constexpr (sizeof value == 8) {
    napi_create_bigint_uint64(env, value, &result);
  } else {
    napi_create_uint32(env, value, &result);
  }
  return result;
}

}  // namespace

void define_read_calls(napi_env env, napi_value exports) {
  define(env, exports, "read8", read<std::uint8_t>);
  define(env, exports, "read16", read<std::uint16_t>);
  define(env, exports, "read32", read<std::uint32_t>);
  define(env, exports, "read64", read<std::uint64_t>);
}

}  // namespace bench
