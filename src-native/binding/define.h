// SPDX-License-Identifier: MIT
// Adds a raw Node-API callback to the exports.
#pragma once

#include <napi.h>

namespace vfio::binding {

inline void define(Napi::Object exports, const char* name, napi_callback callback) {
  const Napi::Env env = exports.Env();
  napi_value function = nullptr;
  const napi_status status =
      napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
  NAPI_THROW_IF_FAILED_VOID(env, status);
  exports.Set(name, Napi::Value(env, function));
}

}  // namespace vfio::binding
