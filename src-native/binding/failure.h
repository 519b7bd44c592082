// SPDX-License-Identifier: MIT
// Failures on their way to JavaScript, as plain data (NativeFailure of lib/native.ts).
// They become errors in lib/errors.ts. Errors made here would belong to another realm under jest,
// and could not carry hints.
#pragma once

#include <napi.h>

#include <exception>
#include <utility>

namespace vfio::binding {

/// The plain data for an exception of the library. This runs no JavaScript of the program, unless
/// Object.prototype has setters. What such a setter throws becomes a Napi::Error.
Napi::Object failure_data(Napi::Env env, const std::exception_ptr& failure);

/// Runs a binding method. Any exception reaches JavaScript as data and never crashes the process.
template <typename Method>
auto across(Napi::Env env, Method&& method) {
  try {
    return method();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw Napi::Error(env, failure_data(env, std::current_exception()));
  }
}

}  // namespace vfio::binding
