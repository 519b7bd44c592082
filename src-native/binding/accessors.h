// SPDX-License-Identifier: MIT
// Register access from JavaScript: read8 .. write64(handle, offset[, value]), raw Node-API
// callbacks without any object on the way. One call is one access of exactly its width.
#pragma once

#include <napi.h>

namespace vfio::binding {

void define_accessors(Napi::Object exports);

}  // namespace vfio::binding
