// SPDX-License-Identifier: MIT
// `testing` of the developer build: the memory back end and the system call hook, for TypeScript.
// (See tools/testing-addon.ts.)
#pragma once

#include <napi.h>

namespace vfio::testing {

/// useMachine(devices): from now on, the containers of this env are opened on a machine of the
/// memory back end.
Napi::Value use_machine(const Napi::CallbackInfo& info);

/// joinMachine(id): the same with an existing machine, which another env may have made.
Napi::Value join_machine(const Napi::CallbackInfo& info);

/// The functions of the system call hook.
Napi::Object syscalls_object(Napi::Env env);

}  // namespace vfio::testing
