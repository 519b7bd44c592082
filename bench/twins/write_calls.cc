// SPDX-License-Identifier: MIT
// write8 to write64(handle, offset, value), as bare Node-API calls.
#include "calls.h"

namespace bench {

namespace {

template <typename Value>
napi_value write(napi_env env, napi_callback_info info) {
  std::size_t count = 3;
  napi_value arguments[3];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  if constexpr (sizeof(Value) == 8) {
    bool lossless = false;
    std::uint64_t value = 0;
    napi_get_value_bigint_uint64(env, arguments[2], &value, &lossless);
    *register_of<Value>(env, arguments) = value;
  } else {
    std::int64_t value = 0;
    napi_get_value_int64(env, arguments[2], &value);
    *register_of<Value>(env, arguments) = static_cast<Value>(value);
  }
  return nullptr;
}

}  // namespace

void define_write_calls(napi_env env, napi_value exports) {
  define(env, exports, "write8", write<std::uint8_t>);
  define(env, exports, "write16", write<std::uint16_t>);
  define(env, exports, "write32", write<std::uint32_t>);
  define(env, exports, "write64", write<std::uint64_t>);
}

}  // namespace bench
