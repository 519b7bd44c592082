// SPDX-License-Identifier: MIT
// Makes ArrayBuffers over memory of the library.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <memory>

namespace vfio::binding {

/// Returns an ArrayBuffer over the `size` bytes at `data`, which `keep` owns. `keep` is released
/// when the engine has freed the last ArrayBuffer over these bytes. If the env ends first, `keep`
/// is released only if the ArrayBuffer is still attached. A transferred ArrayBuffer may still be in
/// use in another thread, and Node-API does not report its end, so `keep` then stays until the
/// process ends. Throws Error kUnsupported.
napi_value external_array_buffer(napi_env env, void* data, std::size_t size,
                                 std::shared_ptr<void> keep);

}  // namespace vfio::binding
