// SPDX-License-Identifier: MIT
// NativeGrant of lib/native.ts: a grant in the env that made it.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/grant.h"
#include "binding/open_device.h"
#include "binding/wrap.h"

namespace vfio::binding {

class GrantWrap final : public Wrap<GrantWrap> {
 public:
  static constexpr napi_type_tag kTag = {0xa3966023df2d5c05, 0xace970fccddba416};

  static void define(Environment& environment);
  /// grant() of NativeDevice in lib/native.ts, with its arguments.
  static Napi::Object make(OpenDevice& device, const Napi::CallbackInfo& info);

  explicit GrantWrap(const Napi::CallbackInfo& info);

 private:
  Napi::Value revoke(const Napi::CallbackInfo& info);

  std::shared_ptr<Grant> grant_;
};

}  // namespace vfio::binding
