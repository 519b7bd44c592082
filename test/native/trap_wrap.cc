// SPDX-License-Identifier: MIT
#include "trap_wrap.h"

#include <cstdint>
#include <stdexcept>
#include <string>

#include "access_trap.h"
#include "binding/convert.h"
#include "binding/environment.h"
#include "binding/open_device.h"
#include "sys/mapping.h"
#include "vfio/function.h"

namespace vfio::testing {

#if defined(__x86_64__)

namespace {

using binding::index_from;
using binding::number;

Function& function_of(Napi::Env env, const std::string& address) {
  for (const auto& device : binding::Environment::of(env).devices) {
    if (device->function()->address() == address) return *device->function();
  }
  throw std::runtime_error("no such device is open");
}

/// The device must stay open while the ArrayBuffer is in use, because nothing else keeps the
/// memory.
Napi::Value window(const Napi::CallbackInfo& info) {
  return binding::across(info.Env(), [&]() -> Napi::Value {
    Function& function = function_of(info.Env(), info[0].ToString().Utf8Value());
    const Window window = function.regions().window(index_from(info[1]));
    if (window.base == nullptr || window.begin != 0) {
      throw std::runtime_error("this BAR is not mapped from its start");
    }
    auto* const base = const_cast<std::uint8_t*>(window.base);
    return Napi::ArrayBuffer::New(info.Env(), base, window.end);
  });
}

Napi::Value direct_pages(const Napi::CallbackInfo& info) {
  return binding::across(info.Env(), [&]() -> Napi::Value {
    Function& function = function_of(info.Env(), info[0].ToString().Utf8Value());
    const DirectPart memory =
        function.regions().direct(index_from(info[1]), {index_from(info[2]), 4});
    if (memory.mapping == nullptr) throw std::runtime_error("the region cannot be mapped there");
    return Napi::ArrayBuffer::New(info.Env(), memory.mapping->data(), sys::page_size());
  });
}

Napi::Value watch(const Napi::CallbackInfo& info) {
  return binding::across(info.Env(), [&]() -> Napi::Value {
    auto buffer = info[0].As<Napi::ArrayBuffer>();
    auto* const begin = static_cast<std::uint8_t*>(buffer.Data());
    const std::span<std::uint8_t> pages(begin, buffer.ByteLength());
    return number(info.Env(), watch_accesses(pages));
  });
}

void answer(const Napi::CallbackInfo& info) {
  binding::across(info.Env(), [&] {
    answer_read(index_from(info[0]), index_from(info[1]), index_from(info[2]), index_from(info[3]));
  });
}

std::string hex(const TrappedAccess& access) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < access.code_size; ++i) {
    text += kDigits[access.code[i] >> 4];
    text += kDigits[access.code[i] & 0xf];
  }
  return text;
}

Napi::Value disarm(const Napi::CallbackInfo& info) {
  return binding::across(info.Env(), [&]() -> Napi::Value {
    const auto accesses = disarm_access_trap();
    auto list = Napi::Array::New(info.Env(), accesses.size());
    for (std::uint32_t i = 0; i < accesses.size(); ++i) {
      const TrappedAccess& access = accesses[i];
      auto entry = Napi::Object::New(info.Env());
      entry.Set("range", access.range);
      entry.Set("offset", number(info.Env(), access.offset));
      entry.Set("write", access.write);
      entry.Set("code", hex(access));
      list.Set(i, entry);
    }
    return list;
  });
}

}  // namespace

Napi::Value trap_object(Napi::Env env) {
  auto object = Napi::Object::New(env);
  object.Set("window", Napi::Function::New<window>(env, "window"));
  object.Set("directPages", Napi::Function::New<direct_pages>(env, "directPages"));
  object.Set("watch", Napi::Function::New<watch>(env, "watch"));
  object.Set("answer", Napi::Function::New<answer>(env, "answer"));
  object.Set("arm", Napi::Function::New(
                        env, [](const Napi::CallbackInfo&) { arm_access_trap(); }, "arm"));
  object.Set("disarm", Napi::Function::New<disarm>(env, "disarm"));
  return object;
}

#else

Napi::Value trap_object(Napi::Env env) { return env.Undefined(); }

#endif

}  // namespace vfio::testing
