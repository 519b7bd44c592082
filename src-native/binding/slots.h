// SPDX-License-Identifier: MIT
// The table behind register handles. A handle is generation << 12 | index, small enough to be an
// unboxed number in V8. Entries never move, so looking at a stale handle is always safe. Only the
// env that acquired an entry uses it; all that another thread may do is revoke it.
#pragma once

#include <node_api.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "vfio/function.h"

namespace vfio::binding {

struct Slot {
  // Any thread with a handle reads these two, and the rest only once both match.
  std::atomic<std::uint32_t> generation{0};  // 0 until the first use; no handle has it
  std::atomic<napi_env> env{nullptr};        // null while the entry is free
  /// The state of the function, which each access reads. Revocation stores a state here that is
  /// always closed, so it adds no cost to an access.
  std::atomic<const std::atomic<State>*> state{nullptr};

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

/// From any thread, while nobody releases the handle: accesses fail as closed from now on. What the
/// entry refers to stays until its env, which may be in the middle of an access, releases it.
void revoke_slot(Handle handle) noexcept;

/// The entry of a handle, whatever its state; the caller compares generation and env.
Slot& slot_at(Handle handle) noexcept;
constexpr std::uint32_t generation_of(Handle handle) noexcept { return handle >> 12; }

}  // namespace vfio::binding
