// SPDX-License-Identifier: MIT
#include "fake_kernel_wrap.h"

#include <memory>

#include "binding/convert.h"
#include "binding/environment.h"
#include "fake_kernel.h"
#include "methods.h"
#include "vfio/type1/address_space.h"

namespace vfio::testing {

namespace {

using binding::index_from;

/// Only one at a time, because the process has only one table of system calls.
std::unique_ptr<FakeKernel>& current_kernel() {
  static auto& kernel = *new std::unique_ptr<FakeKernel>;
  return kernel;
}

Napi::Object kernel_object(Napi::Env env) {
  auto object = Napi::Object::New(env);
  const auto method = methods_of(object);
  using Info = Napi::CallbackInfo;
  method("holdings", [](const Info& info) -> Napi::Value {
    auto list = Napi::Array::New(info.Env());
    for (const std::string& line : current_kernel()->holdings()) list.Set(list.Length(), line);
    return list;
  });
  method("raise", [](const Info& info) {
    current_kernel()->raise(index_from(info[0]), index_from(info[1]));
  });
  method("end", [](const Info&) { current_kernel().reset(); });
  return object;
}

}  // namespace

Napi::Value use_fake_kernel(const Napi::CallbackInfo& info) {
  current_kernel().reset();
  current_kernel() = std::make_unique<FakeKernel>();
  // Both functions of 0000:01:00 are reset together.
  current_kernel()->slot = {{.group_id = 12, .segment = 0, .bus = 1, .devfn = 0},
                            {.group_id = 12, .segment = 0, .bus = 1, .devfn = 1}};
  binding::Environment::of(info.Env()).make_backend = open_type1;
  return kernel_object(info.Env());
}

}  // namespace vfio::testing
