// SPDX-License-Identifier: MIT
// `testing.trap` of the developer build: the accesses that the processor makes to a BAR and to DMA
// memory. (See tools/testing-addon.ts.)
#pragma once

#include <napi.h>

namespace vfio::testing {

/// The functions of the trap. Undefined if it does not work on this processor.
Napi::Value trap_object(Napi::Env env);

}  // namespace vfio::testing
