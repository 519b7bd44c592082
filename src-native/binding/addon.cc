// SPDX-License-Identifier: MIT
#include "binding/addon.h"

#include <bit>
#include <string>

#include "binding/accessors.h"
#include "binding/adoption_wrap.h"
#include "binding/container_wrap.h"
#include "binding/device_wrap.h"
#include "binding/dma_wrap.h"
#include "binding/environment.h"
#include "binding/failure.h"
#include "binding/grant_wrap.h"
#include "binding/interrupts_wrap.h"
#include "binding/sequences.h"
#include "sys/file.h"
#include "sys/guarded.h"
#include "sys/sole_copy.h"
#include "vfio/errors.h"

static_assert(sizeof(void*) == 8 && std::endian::native == std::endian::little,
              "vfio runs only on 64-bit little-endian machines");

namespace vfio::binding {

namespace {

void refuse_second_copy() {
  const std::string own = sys::own_copy();
  const std::string holder = sys::claim_process();
  if (holder == own) return;
  throw Error(ErrorCode::kDuplicate, "this process uses the copy of vfio in " + holder +
                                         ", so it cannot use the one in " + own);
}

void take_bus_errors(const Napi::CallbackInfo& info) {
  across(info.Env(), [] { sys::install_bus_error_handler(); });
}

Napi::Value try_lock(const Napi::CallbackInfo& info) {
  return across(info.Env(), [&] {
    return Napi::Boolean::New(info.Env(), sys::try_lock(info[0].ToNumber().Int32Value()));
  });
}

}  // namespace

void init_addon(Napi::Env env, Napi::Object exports) {
  across(env, refuse_second_copy);
  Environment::create(env);
  auto& environment = Environment::of(env);
  ContainerWrap::define(environment);
  DeviceWrap::define(environment);
  InterruptsWrap::define(environment);
  DmaWrap::define(environment);
  GrantWrap::define(environment);
  AdoptionWrap::define(environment);
  exports.Set("openContainer", Napi::Function::New<open_container>(env, "openContainer"));
  exports.Set("openDevice", Napi::Function::New<open_device>(env, "openDevice"));
  exports.Set("adopt", Napi::Function::New<adopt>(env, "adopt"));
  exports.Set("takeBusErrors", Napi::Function::New<take_bus_errors>(env, "takeBusErrors"));
  exports.Set("tryLock", Napi::Function::New<try_lock>(env, "tryLock"));
  define_accessors(exports);
  define_sequences(exports);
}

}  // namespace vfio::binding
