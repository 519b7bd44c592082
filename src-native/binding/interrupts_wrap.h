// SPDX-License-Identifier: MIT
// NativeInterrupts of lib/native.ts.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/vector_polls.h"
#include "binding/wrap.h"

namespace vfio::binding {

class InterruptsWrap final : public Wrap<InterruptsWrap> {
 public:
  static constexpr napi_type_tag kTag = {0x55113dc30e9a8df5, 0x5966eb44e0c67744};

  static void define(Environment& environment);
  static Napi::Object make(Environment& environment, std::shared_ptr<VectorPolls> vectors);

  explicit InterruptsWrap(const Napi::CallbackInfo& info);

  VectorPolls& vectors() noexcept { return *vectors_; }

 private:
  Napi::Value count(const Napi::CallbackInfo& info);
  void listen(const Napi::CallbackInfo& info);
  void unlisten(const Napi::CallbackInfo& info);
  Napi::Value wait(const Napi::CallbackInfo& info);
  void give_back(const Napi::CallbackInfo& info);
  void ref(const Napi::CallbackInfo& info);
  void unref(const Napi::CallbackInfo& info);
  void trigger(const Napi::CallbackInfo& info);
  void mask(const Napi::CallbackInfo& info);
  void unmask(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);

  std::shared_ptr<VectorPolls> vectors_;
};

}  // namespace vfio::binding
