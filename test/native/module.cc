// SPDX-License-Identifier: MIT
// The entry point of the developer build: the addon with `testing` added.
#include <napi.h>

#include <cstdint>

#include "binding/addon.h"
#include "binding/slots.h"
#include "fake_kernel_wrap.h"
#include "machine_wrap.h"
#include "trap_wrap.h"

namespace {

void release_handle(const Napi::CallbackInfo& info) {
  vfio::binding::release_slot(info.Env(), info[0].ToNumber().Uint32Value());
}

/// Moves the entry of a handle on to its last generation, and returns its handle of then.
Napi::Value age_handle(const Napi::CallbackInfo& info) {
  constexpr std::uint32_t kLastGeneration = (1U << 18) - 1;
  const std::uint32_t handle = info[0].ToNumber().Uint32Value();
  vfio::binding::slot_at(handle).generation = kLastGeneration;
  return Napi::Number::New(info.Env(), kLastGeneration << 12 | (handle & 0xfff));
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  vfio::binding::init_addon(env, exports);
  auto testing = Napi::Object::New(env);
  testing.Set("useMachine", Napi::Function::New<vfio::testing::use_machine>(env, "useMachine"));
  testing.Set("joinMachine", Napi::Function::New<vfio::testing::join_machine>(env, "joinMachine"));
  testing.Set("useFakeKernel",
              Napi::Function::New<vfio::testing::use_fake_kernel>(env, "useFakeKernel"));
  testing.Set("releaseHandle", Napi::Function::New<release_handle>(env, "releaseHandle"));
  testing.Set("ageHandle", Napi::Function::New<age_handle>(env, "ageHandle"));
  testing.Set("syscalls", vfio::testing::syscalls_object(env));
  testing.Set("trap", vfio::testing::trap_object(env));
  exports.Set("testing", testing);
  return exports;
}

}  // namespace

NODE_API_MODULE(vfio_testing, init)
