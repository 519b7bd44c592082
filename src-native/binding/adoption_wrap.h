// SPDX-License-Identifier: MIT
// NativeAdoption of lib/native.ts, and the function that makes one.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/adoption.h"
#include "binding/wrap.h"

namespace vfio::binding {

/// adopt(token) of lib/native.ts.
Napi::Value adopt(const Napi::CallbackInfo& info);

class AdoptionWrap final : public Wrap<AdoptionWrap> {
 public:
  static constexpr napi_type_tag kTag = {0x4fe2c4e12b5eadad, 0x00633256e25fe71d};

  static void define(Environment& environment);
  static Napi::Object make(Environment& environment, const std::shared_ptr<Adoption>& adoption);

  explicit AdoptionWrap(const Napi::CallbackInfo& info);

 private:
  void on_revoked(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);

  std::shared_ptr<Adoption> adoption_;
};

}  // namespace vfio::binding
