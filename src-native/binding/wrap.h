// SPDX-License-Identifier: MIT
// The base class of the classes of lib/native.ts. Only the addon makes their objects. Each object
// carries the tag of its class, and each unwrap checks it. A program that calls a method on another
// object, or calls the constructor that it finds by name, gets a TypeError.
#pragma once

#include <napi.h>

#include <utility>

namespace vfio::binding {

/// A TypeError with a code, for an object that is not of the expected class.
inline Napi::TypeError wrong_object(Napi::Env env, const char* message) {
  auto error = Napi::TypeError::New(env, message);
  error.Set("code", "ERR_INVALID_ARG_TYPE");
  return error;
}

/// Whether this thread is in make_wrapped(), and so not in a `new` of the program.
inline thread_local bool making = false;

/// `T` must have its own napi_type_tag, `T::kTag`.
template <typename T>
class Wrap : public Napi::ObjectWrap<T> {
 public:
  /// Throws TypeError. Napi::ObjectWrap calls this by name for the receiver of every method and
  /// accessor.
  static T* Unwrap(Napi::Object object) {
    bool ours = false;
    // The check would throw its own error for undefined and null.
    if (object.IsObject()) napi_check_object_type_tag(object.Env(), object, &T::kTag, &ours);
    if (!ours) throw wrong_object(object.Env(), "Illegal invocation");
    return Napi::ObjectWrap<T>::Unwrap(object);
  }

 protected:
  /// For make_wrapped() only.
  explicit Wrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<T>(info) {
    if (!std::exchange(making, false)) throw wrong_object(info.Env(), "Illegal constructor");
    if (napi_type_tag_object(info.Env(), info.This(), &T::kTag) != napi_ok) {
      throw Napi::Error::New(info.Env());
    }
  }
};

/// A new object of a class that derives from Wrap.
inline Napi::Object make_wrapped(const Napi::FunctionReference& constructor) {
  making = true;
  try {
    return constructor.New({});
  } catch (...) {
    making = false;
    throw;
  }
}

}  // namespace vfio::binding
