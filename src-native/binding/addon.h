// SPDX-License-Identifier: MIT
// Fills the exports of the addon. The entry point of the product is module.cc; the developer build
// has another, which adds the memory back end and the system call hook.
#pragma once

#include <napi.h>

namespace vfio::binding {

/// Fills `exports` as `Native` of lib/native.ts says, and makes the state of this env.
void init_addon(Napi::Env env, Napi::Object exports);

}  // namespace vfio::binding
