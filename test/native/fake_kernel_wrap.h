// SPDX-License-Identifier: MIT
// `testing.useFakeKernel` of the developer build (see tools/testing-addon.ts): the type1 back end,
// with a kernel of ours below the table of system calls.
#pragma once

#include <napi.h>

namespace vfio::testing {

/// useFakeKernel(): from now on this env's containers are type1's, on a fake kernel for the whole
/// process.
Napi::Value use_fake_kernel(const Napi::CallbackInfo& info);

}  // namespace vfio::testing
