// SPDX-License-Identifier: MIT
// NativeGrant of lib/native.ts: a grant in the hands of who made it.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/grant.h"
#include "binding/open_device.h"

namespace vfio::binding {

class GrantWrap final : public Napi::ObjectWrap<GrantWrap> {
 public:
  static void define(Environment& environment);
  /// grant() of NativeDevice in lib/native.ts, with its arguments.
  static Napi::Object make(OpenDevice& device, const Napi::CallbackInfo& info);

  explicit GrantWrap(const Napi::CallbackInfo& info);

 private:
  Napi::Value revoke(const Napi::CallbackInfo& info);

  std::shared_ptr<Grant> grant_;
};

}  // namespace vfio::binding
