// SPDX-License-Identifier: MIT
#include "binding/external_memory.h"

#include <string>
#include <utility>

#include "vfio/errors.h"

namespace vfio::binding {

napi_value external_array_buffer(napi_env env, void* data, std::size_t size,
                                 std::shared_ptr<void> keep) {
  auto* kept = new std::shared_ptr<void>(std::move(keep));
  napi_value buffer = nullptr;
  const napi_status status = napi_create_external_arraybuffer(
      env, data, size,
      [](napi_env, void*, void* hint) { delete static_cast<std::shared_ptr<void>*>(hint); }, kept,
      &buffer);
  if (status == napi_ok) return buffer;
  delete kept;
  if (status == napi_no_external_buffers_allowed) {
    throw Error(ErrorCode::kUnsupported,
                "this JavaScript engine refuses memory from outside (Electron's memory cage does)");
  }
  throw Error(ErrorCode::kUnsupported,
              "no ArrayBuffer of " + std::to_string(size) + " bytes can be made");
}

}  // namespace vfio::binding
