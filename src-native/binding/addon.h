// SPDX-License-Identifier: MIT
// What the addon is made of; module.cc is its entry point, and the developer build has another that
// adds the memory back end and the system call hook.
#pragma once

#include <napi.h>

namespace vfio::binding {

/// Fills `exports` as `Native` of lib/native.ts says, and makes the state of this env.
void init_addon(Napi::Env env, Napi::Object exports);

}  // namespace vfio::binding
