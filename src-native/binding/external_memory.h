// SPDX-License-Identifier: MIT
// Memory of ours as an ArrayBuffer.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <memory>

namespace vfio::binding {

/// An ArrayBuffer over `size` bytes at `data`. `keep` owns them and is let go when the engine has
/// freed the last ArrayBuffer over them. When the env ends first, `keep` is let go only if the
/// ArrayBuffer is still attached: one that was transferred may live on in another thread, and
/// Node-API cannot tell when it dies, so `keep` then stays for the rest of the process. Throws
/// Error kUnsupported.
napi_value external_array_buffer(napi_env env, void* data, std::size_t size,
                                 std::shared_ptr<void> keep);

}  // namespace vfio::binding
