// SPDX-License-Identifier: MIT
// The table behind register handles. A handle is generation << 12 | index, small enough to be an
// unboxed number in V8; entries never move, so a stale handle can always be looked at safely. An
// entry is used by the env that made it and by no other.
#pragma once

#include <node_api.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "vfio/function.h"

namespace vfio::binding {

struct Slot {
  // Read by any thread that comes with a handle; the rest only once both match.
  std::atomic<std::uint32_t> generation{1};
  std::atomic<napi_env> env{nullptr};

  Window window;
  std::uint64_t size = 0;
  std::uint32_t region = 0;
  std::shared_ptr<Function> function;  // keeps the window's memory
};

using Handle = std::uint32_t;

/// Throws Error kUnsupported when all 4096 are in use.
Handle acquire_slot(napi_env env, const std::shared_ptr<Function>& function, std::uint32_t region);

/// A handle that is not of this env, or released already, is left alone.
void release_slot(napi_env env, Handle handle) noexcept;

/// The entry of a handle, whatever its state; the caller compares generation and env.
Slot& slot_at(Handle handle) noexcept;
constexpr std::uint32_t generation_of(Handle handle) noexcept { return handle >> 12; }

}  // namespace vfio::binding
