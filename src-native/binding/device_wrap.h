// SPDX-License-Identifier: MIT
// NativeDevice of lib/native.ts.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/open_device.h"
#include "binding/wrap.h"

namespace vfio::binding {

class DeviceWrap final : public Wrap<DeviceWrap> {
 public:
  static constexpr napi_type_tag kTag = {0x4ca82984fcb042d9, 0xb9c48cb01720800e};

  static void define(Environment& environment);
  static Napi::Object make(Environment& environment, std::shared_ptr<Function> function,
                           std::shared_ptr<ServiceThread> service);

  explicit DeviceWrap(const Napi::CallbackInfo& info);

 private:
  Napi::Value address(const Napi::CallbackInfo& info);
  Napi::Value group(const Napi::CallbackInfo& info);
  Napi::Value device_info(const Napi::CallbackInfo& info);
  Napi::Value region(const Napi::CallbackInfo& info);
  Napi::Value irq(const Napi::CallbackInfo& info);
  Napi::Value acquire(const Napi::CallbackInfo& info);
  Napi::Value map(const Napi::CallbackInfo& info);
  Napi::Value bus_master(const Napi::CallbackInfo& info);
  void set_bus_master(const Napi::CallbackInfo& info);
  Napi::Value enable_interrupts(const Napi::CallbackInfo& info);
  Napi::Value grant(const Napi::CallbackInfo& info);
  void on_change(const Napi::CallbackInfo& info);
  Napi::Value reset(const Napi::CallbackInfo& info);
  Napi::Value hot_reset_info(const Napi::CallbackInfo& info);
  Napi::Value hot_reset(const Napi::CallbackInfo& info);
  void on_hot_reset(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  std::shared_ptr<OpenDevice> device_;
  Napi::Reference<Napi::Promise> closed_;
};

}  // namespace vfio::binding
