// SPDX-License-Identifier: MIT
// A JavaScript function that the event loop calls.
#pragma once

#include <napi.h>

#include <initializer_list>
#include <memory>

namespace vfio::binding {

/// A copyable reference to the function, for use on the env's thread. If the function throws, the
/// exception becomes an uncaught exception. A call does nothing if the env is ending.
class Callback final {
 public:
  explicit Callback(const Napi::Value& function)
      : function_(std::make_shared<Napi::FunctionReference>(
            Napi::Persistent(function.As<Napi::Function>()))) {}

  /// Calls the function with the value that `argument` returns for its env.
  template <typename Argument>
  void operator()(Argument&& argument) const {
    const Napi::Env env = function_->Env();
    const Napi::HandleScope handles(env);
    call({argument(env)});
  }

  void operator()() const {
    const Napi::HandleScope handles(function_->Env());
    call({});
  }

 private:
  void call(std::initializer_list<napi_value> arguments) const;

  std::shared_ptr<Napi::FunctionReference> function_;
};

}  // namespace vfio::binding
