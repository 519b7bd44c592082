// SPDX-License-Identifier: MIT
// Bare Node-API calls that take the arguments of the accessors, make the access and check nothing.
#pragma once

#include <node_api.h>

#include <cstdint>

namespace bench {

/// The base address of each handle. There is only handle 0.
inline std::uintptr_t bases[1];

template <typename Value>
volatile Value* register_of(napi_env env, const napi_value* arguments) {
  std::uint32_t handle = 0;
  double offset = 0;
  napi_get_value_uint32(env, arguments[0], &handle);
  napi_get_value_double(env, arguments[1], &offset);
  return reinterpret_cast<volatile Value*>(bases[handle] + static_cast<std::uint64_t>(offset));
}

inline void define(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
  napi_set_named_property(env, exports, name, function);
}

void define_read_calls(napi_env env, napi_value exports);
void define_write_calls(napi_env env, napi_value exports);

}  // namespace bench
