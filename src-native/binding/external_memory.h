// SPDX-License-Identifier: MIT
// Memory of ours as an ArrayBuffer.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <memory>

namespace vfio::binding {

/// An ArrayBuffer over `size` bytes at `data`. `keep` owns them and is let go after the last store
/// of the buffer, transferred ones included. Throws Error kUnsupported.
napi_value external_array_buffer(napi_env env, void* data, std::size_t size,
                                 std::shared_ptr<void> keep);

}  // namespace vfio::binding
