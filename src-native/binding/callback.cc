// SPDX-License-Identifier: MIT
#include "binding/callback.h"

namespace vfio::binding {

void Callback::call(std::initializer_list<napi_value> arguments) const {
  const napi_env env = function_->Env();
  napi_value global = nullptr;
  if (napi_get_global(env, &global) != napi_ok) return;
  napi_make_callback(env, nullptr, global, function_->Value(), arguments.size(), arguments.begin(),
                     nullptr);
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) != napi_ok || !pending) return;
  napi_value thrown = nullptr;
  if (napi_get_and_clear_last_exception(env, &thrown) == napi_ok) napi_fatal_exception(env, thrown);
}

}  // namespace vfio::binding
