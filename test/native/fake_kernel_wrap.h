// SPDX-License-Identifier: MIT
// `testing.useFakeKernel` of the developer build: the type1 back end over a fake kernel. The fake
// kernel replaces the table of system calls (see tools/testing-addon.ts).
#pragma once

#include <napi.h>

namespace vfio::testing {

/// useFakeKernel(): from now on, the containers of this env are type1 containers, over a fake
/// kernel for the whole process.
Napi::Value use_fake_kernel(const Napi::CallbackInfo& info);

}  // namespace vfio::testing
