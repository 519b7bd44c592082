// SPDX-License-Identifier: MIT
// `testing.useFakeKernel` of the developer build: the type1 back end over a fake kernel. The fake
// kernel stands below the table of system calls (see tools/testing-addon.ts).
#pragma once

#include <napi.h>

namespace vfio::testing {

/// useFakeKernel(): from now on this env's containers are type1's, on a fake kernel for the whole
/// process.
Napi::Value use_fake_kernel(const Napi::CallbackInfo& info);

}  // namespace vfio::testing
