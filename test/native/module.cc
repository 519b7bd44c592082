// SPDX-License-Identifier: MIT
// The entry point of the developer build: the addon, and `testing` beside it.
#include <napi.h>

#include "binding/addon.h"
#include "fake_kernel_wrap.h"
#include "machine_wrap.h"
#include "trap_wrap.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  vfio::binding::init_addon(env, exports);
  auto testing = Napi::Object::New(env);
  testing.Set("useMachine", Napi::Function::New<vfio::testing::use_machine>(env, "useMachine"));
  testing.Set("joinMachine", Napi::Function::New<vfio::testing::join_machine>(env, "joinMachine"));
  testing.Set("useFakeKernel",
              Napi::Function::New<vfio::testing::use_fake_kernel>(env, "useFakeKernel"));
  testing.Set("syscalls", vfio::testing::syscalls_object(env));
  testing.Set("trap", vfio::testing::trap_object(env));
  exports.Set("testing", testing);
  return exports;
}

}  // namespace

NODE_API_MODULE(vfio_testing, init)
