// SPDX-License-Identifier: MIT
#include "binding/interrupts_wrap.h"

#include <utility>

#include "binding/callback.h"
#include "binding/convert.h"

namespace vfio::binding {

void InterruptsWrap::define(Environment& environment) {
  const auto constructor = DefineClass(environment.env(), "NativeInterrupts",
                                       {
                                           InstanceAccessor<&InterruptsWrap::count>("count"),
                                           InstanceMethod<&InterruptsWrap::listen>("listen"),
                                           InstanceMethod<&InterruptsWrap::unlisten>("unlisten"),
                                           InstanceMethod<&InterruptsWrap::wait>("wait"),
                                           InstanceMethod<&InterruptsWrap::give_back>("giveBack"),
                                           InstanceMethod<&InterruptsWrap::ref>("ref"),
                                           InstanceMethod<&InterruptsWrap::unref>("unref"),
                                           InstanceMethod<&InterruptsWrap::trigger>("trigger"),
                                           InstanceMethod<&InterruptsWrap::mask>("mask"),
                                           InstanceMethod<&InterruptsWrap::unmask>("unmask"),
                                           InstanceMethod<&InterruptsWrap::close>("close"),
                                       });
  environment.interrupts_class = Napi::Persistent(constructor);
}

Napi::Object InterruptsWrap::make(Environment& environment, std::shared_ptr<VectorPolls> vectors) {
  const Napi::Object object = make_wrapped(environment.interrupts_class);
  Unwrap(object)->vectors_ = std::move(vectors);
  return object;
}

InterruptsWrap::InterruptsWrap(const Napi::CallbackInfo& info) : Wrap(info) {}

Napi::Value InterruptsWrap::count(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), vectors_->count());
}

void InterruptsWrap::listen(const Napi::CallbackInfo& info) {
  across(info.Env(), [&] {
    vectors_->listen(index_from(info[0]), [callback = Callback(info[1])](std::uint64_t raised) {
      callback([&](Napi::Env env) { return number(env, raised); });
    });
  });
}

void InterruptsWrap::unlisten(const Napi::CallbackInfo& info) {
  vectors_->unlisten(index_from(info[0]));
}

Napi::Value InterruptsWrap::wait(const Napi::CallbackInfo& info) {
  return across(info.Env(), [&] {
    return number(info.Env(), vectors_->wait(index_from(info[0]), index_from(info[1])));
  });
}

void InterruptsWrap::give_back(const Napi::CallbackInfo& info) {
  const auto raised = static_cast<std::uint64_t>(info[1].As<Napi::Number>().Int64Value());
  across(info.Env(), [&] { vectors_->give_back(index_from(info[0]), raised); });
}

void InterruptsWrap::ref(const Napi::CallbackInfo& info) {
  across(info.Env(), [&] { vectors_->ref(index_from(info[0])); });
}

void InterruptsWrap::unref(const Napi::CallbackInfo& info) {
  across(info.Env(), [&] { vectors_->unref(index_from(info[0])); });
}

void InterruptsWrap::trigger(const Napi::CallbackInfo& info) {
  across(info.Env(), [&] {
    vectors_->check_open();
    vectors_->irqs().trigger(index_from(info[0]));
  });
}

void InterruptsWrap::mask(const Napi::CallbackInfo& info) {
  across(info.Env(), [&] {
    vectors_->check_open();
    vectors_->irqs().mask_intx(true);
  });
}

void InterruptsWrap::unmask(const Napi::CallbackInfo& info) {
  across(info.Env(), [&] {
    vectors_->check_open();
    vectors_->irqs().mask_intx(false);
  });
}

void InterruptsWrap::close(const Napi::CallbackInfo& info) {
  across(info.Env(), [&] { vectors_->close(); });
}

}  // namespace vfio::binding
