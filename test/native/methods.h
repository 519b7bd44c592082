// SPDX-License-Identifier: MIT
// Adds methods to the objects of `testing`.
#pragma once

#include <napi.h>

namespace vfio::testing {

/// Returns a function that adds a C++ callable to `object` under a name.
inline auto methods_of(Napi::Object object) {
  return [object](const char* name, auto body) {
    object.Set(name, Napi::Function::New(object.Env(), body, name));
  };
}

}  // namespace vfio::testing
