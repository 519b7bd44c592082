// SPDX-License-Identifier: MIT
// Register access from JavaScript: read8 to write64 as raw Node-API callbacks. They take (handle,
// offset[, value]) and create no objects. One call makes one access of exactly its width.
#pragma once

#include <napi.h>

namespace vfio::binding {

void define_accessors(Napi::Object exports);

}  // namespace vfio::binding
