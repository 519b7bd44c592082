// SPDX-License-Identifier: MIT
// Failures on their way to JavaScript, as plain data (NativeFailure of lib/native.ts). From it
// lib/errors.ts makes the error. Errors made here would be of another realm under jest, and could
// not carry hints.
#pragma once

#include <napi.h>

#include <exception>
#include <utility>

namespace vfio::binding {

/// The plain data for an exception of ours; nothing JavaScript runs for it.
Napi::Object failure_data(Napi::Env env, const std::exception_ptr& failure);

/// Runs a binding method; whatever it throws arrives in JavaScript as data, never as a crash.
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
