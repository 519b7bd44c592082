// SPDX-License-Identifier: MIT
// `testing` of the developer build: the memory back end and the system call hook, for TypeScript.
// (See tools/testing-addon.ts.)
#pragma once

#include <napi.h>

namespace vfio::testing {

/// useMachine(devices): from now on this env's containers are made on a machine of memory.
Napi::Value use_machine(const Napi::CallbackInfo& info);

/// joinMachine(id): the same with a machine that exists, perhaps made by another env.
Napi::Value join_machine(const Napi::CallbackInfo& info);

/// The system call hook's functions.
Napi::Object syscalls_object(Napi::Env env);

}  // namespace vfio::testing
