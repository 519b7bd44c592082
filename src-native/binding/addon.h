// SPDX-License-Identifier: MIT
// Fills the exports of the addon. The product's entry point is module.cc. The developer build has
// another one, which adds the memory back end and the system call hook.
#pragma once

#include <napi.h>

namespace vfio::binding {

/// Fills `exports` with `Native` of lib/native.ts and creates the state of this env.
void init_addon(Napi::Env env, Napi::Object exports);

}  // namespace vfio::binding
