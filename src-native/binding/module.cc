// SPDX-License-Identifier: MIT
// The entry point of the addon.
#include <napi.h>

#include "binding/addon.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  vfio::binding::init_addon(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(vfio, init)
