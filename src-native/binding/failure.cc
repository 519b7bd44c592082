// SPDX-License-Identifier: MIT
#include "binding/failure.h"

#include "sys/errors.h"
#include "vfio/errors.h"

namespace vfio::binding {

Napi::Object failure_data(Napi::Env env, const std::exception_ptr& failure) {
  auto data = Napi::Object::New(env);
  try {
    std::rethrow_exception(failure);
  } catch (const sys::SysError& error) {
    data.Set("errno", error.error());
    data.Set("syscall", error.syscall());
    data.Set("request", error.request());
    data.Set("path", error.path());
  } catch (const Error& error) {
    data.Set("code", error_code_name(error.code()));
    data.Set("message", error.what());
  } catch (const std::exception& error) {
    // Almost certainly out of memory.
    data.Set("code", "ENOMEM");
    data.Set("message", error.what());
  }
  return data;
}

}  // namespace vfio::binding
