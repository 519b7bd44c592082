// SPDX-License-Identifier: MIT
// Several register accesses in one call from JavaScript. They are a posted write with its flush, a
// poll, a prepared batch, and arrays of one width. Each access is checked and guarded like a single
// one.
#pragma once

#include <napi.h>

namespace vfio::binding {

void define_sequences(Napi::Object exports);

}  // namespace vfio::binding
