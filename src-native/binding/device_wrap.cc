// SPDX-License-Identifier: MIT
#include "binding/device_wrap.h"

#include <utility>

#include "binding/callback.h"
#include "binding/convert.h"
#include "binding/external_memory.h"
#include "binding/grant_wrap.h"
#include "binding/interrupts_wrap.h"
#include "vfio/hot_reset.h"

namespace vfio::binding {

void DeviceWrap::define(Environment& environment) {
  const auto constructor =
      DefineClass(environment.env(), "NativeDevice",
                  {
                      InstanceAccessor<&DeviceWrap::address>("address"),
                      InstanceAccessor<&DeviceWrap::group>("group"),
                      InstanceAccessor<&DeviceWrap::device_info>("info"),
                      InstanceMethod<&DeviceWrap::region>("region"),
                      InstanceMethod<&DeviceWrap::irq>("irq"),
                      InstanceMethod<&DeviceWrap::acquire>("acquire"),
                      InstanceMethod<&DeviceWrap::map>("map"),
                      InstanceMethod<&DeviceWrap::bus_master>("busMaster"),
                      InstanceMethod<&DeviceWrap::set_bus_master>("setBusMaster"),
                      InstanceMethod<&DeviceWrap::enable_interrupts>("enableInterrupts"),
                      InstanceMethod<&DeviceWrap::grant>("grant"),
                      InstanceMethod<&DeviceWrap::on_change>("onChange"),
                      InstanceMethod<&DeviceWrap::reset>("reset"),
                      InstanceMethod<&DeviceWrap::hot_reset_info>("hotResetInfo"),
                      InstanceMethod<&DeviceWrap::hot_reset>("hotReset"),
                      InstanceMethod<&DeviceWrap::on_hot_reset>("onHotReset"),
                      InstanceMethod<&DeviceWrap::close>("close"),
                  });
  environment.device_class = Napi::Persistent(constructor);
}

Napi::Object DeviceWrap::make(Environment& environment, std::shared_ptr<Function> function,
                              std::shared_ptr<ServiceThread> service) {
  const Napi::Object object = make_wrapped(environment.device_class);
  auto device = std::make_shared<OpenDevice>(environment, std::move(function), std::move(service));
  environment.devices.insert(device);
  Unwrap(object)->device_ = std::move(device);
  return object;
}

DeviceWrap::DeviceWrap(const Napi::CallbackInfo& info) : Wrap(info) {}

Napi::Value DeviceWrap::address(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), device_->function()->address());
}

Napi::Value DeviceWrap::group(const Napi::CallbackInfo& info) {
  return number_or_undefined(info.Env(), device_->function()->group());
}

Napi::Value DeviceWrap::device_info(const Napi::CallbackInfo& info) {
  const FunctionInfo& function = device_->function()->info();
  auto object = Napi::Object::New(info.Env());
  object.Set("flags", function.flags);
  object.Set("numRegions", function.num_regions);
  object.Set("numIrqs", function.num_irqs);
  return object;
}

Napi::Value DeviceWrap::region(const Napi::CallbackInfo& info) {
  const auto& region = device_->function()->regions().info(index_from(info[0]));
  return region ? region_info(info.Env(), *region) : info.Env().Undefined();
}

Napi::Value DeviceWrap::irq(const Napi::CallbackInfo& info) {
  const auto& irq = device_->function()->interrupts().info(index_from(info[0]));
  return irq ? irq_info(info.Env(), *irq) : info.Env().Undefined();
}

Napi::Value DeviceWrap::acquire(const Napi::CallbackInfo& info) {
  return across(info.Env(), [&]() -> Napi::Value {
    return Napi::Number::New(info.Env(), device_->acquire(index_from(info[0])));
  });
}

Napi::Value DeviceWrap::map(const Napi::CallbackInfo& info) {
  return across(info.Env(), [&]() -> Napi::Value {
    const auto begin = static_cast<std::uint64_t>(info[1].As<Napi::Number>().DoubleValue());
    const auto size = static_cast<std::uint64_t>(info[2].As<Napi::Number>().DoubleValue());
    auto memory = device_->function()->regions().direct(index_from(info[0]), {begin, size});
    if (memory.mapping == nullptr) return info.Env().Undefined();
    return {info.Env(),
            external_array_buffer(info.Env(), memory.address, size, std::move(memory.mapping))};
  });
}

Napi::Value DeviceWrap::bus_master(const Napi::CallbackInfo& info) {
  return across(info.Env(), [&]() -> Napi::Value {
    return Napi::Boolean::New(info.Env(), device_->function()->bus_master());
  });
}

void DeviceWrap::set_bus_master(const Napi::CallbackInfo& info) {
  across(info.Env(), [&] { device_->function()->set_bus_master(info[0].ToBoolean()); });
}

Napi::Value DeviceWrap::enable_interrupts(const Napi::CallbackInfo& info) {
  return across(info.Env(), [&]() -> Napi::Value {
    auto vectors = device_->enable_interrupts(index_from(info[0]), index_from(info[1]));
    return InterruptsWrap::make(Environment::of(info.Env()), std::move(vectors));
  });
}

Napi::Value DeviceWrap::grant(const Napi::CallbackInfo& info) {
  return across(info.Env(), [&]() -> Napi::Value { return GrantWrap::make(*device_, info); });
}

void DeviceWrap::on_change(const Napi::CallbackInfo& info) {
  across(info.Env(), [&] {
    device_->watch_changes([callback = Callback(info[0])](Change change) {
      callback([&](Napi::Env env) { return change_data(env, change); });
    });
  });
}

Napi::Value DeviceWrap::reset(const Napi::CallbackInfo& info) {
  return across(info.Env(), [&]() -> Napi::Value {
    const auto function = device_->function();
    device_->close_interrupts();
    function->begin_reset();
    return Environment::of(info.Env()).run(device_->service(), [function] { function->reset(); });
  });
}

Napi::Value DeviceWrap::hot_reset_info(const Napi::CallbackInfo& info) {
  return across(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    auto list = Napi::Array::New(env);
    for (const auto& [address, group] : device_->function()->hot_reset_info()) {
      auto entry = Napi::Object::New(env);
      entry.Set("address", address.text());
      entry.Set("group", group);
      list.Set(list.Length(), entry);
    }
    return list;
  });
}

Napi::Value DeviceWrap::hot_reset(const Napi::CallbackInfo& info) {
  return across(info.Env(), [&]() -> Napi::Value {
    const auto reset = std::make_shared<HotReset>(device_->function());
    // Only after the hot reset is accepted: a refusal changes nothing.
    device_->close_interrupts();
    return Environment::of(info.Env()).run(device_->service(), [reset] { reset->run(); });
  });
}

void DeviceWrap::on_hot_reset(const Napi::CallbackInfo& info) {
  device_->watch_hot_resets([callback = Callback(info[0])](bool over) {
    callback([&](Napi::Env env) { return Napi::Boolean::New(env, over); });
  });
}

Napi::Value DeviceWrap::close(const Napi::CallbackInfo& info) {
  if (!closed_.IsEmpty()) return closed_.Value();
  auto& environment = Environment::of(info.Env());
  device_->cut();
  const Napi::Value promise =
      environment.run(device_->service(), [device = device_] { device->function()->release(); });
  // Only after the promise is made: an env that is ending makes no promise, and then end() releases
  // the objects that it finds here.
  environment.devices.erase(device_);
  device_->end_service();
  closed_ = Napi::Persistent(promise.As<Napi::Promise>());
  return promise;
}

}  // namespace vfio::binding
