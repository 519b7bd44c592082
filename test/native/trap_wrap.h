// SPDX-License-Identifier: MIT
// `testing.trap` of the developer build: what the processor really does to a BAR and to DMA memory.
// (See tools/testing-addon.ts.)
#pragma once

#include <napi.h>

namespace vfio::testing {

/// The trap's functions; undefined where it does not work.
Napi::Value trap_object(Napi::Env env);

}  // namespace vfio::testing
