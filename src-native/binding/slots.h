// SPDX-License-Identifier: MIT
// The table behind register handles. A handle is generation << 12 | index, small enough to be an
// unboxed number in V8. Entries never move, so checking a stale handle is always safe. Only the env
// that acquired an entry uses it. Other threads can only revoke it.
#pragma once

#include <node_api.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "vfio/function.h"

namespace vfio::binding {

struct Slot {
  // Any thread with a handle reads these two. It reads the other members only if both match.
  std::atomic<std::uint32_t> generation{0};  // 0 until the first use; no handle has generation 0
  std::atomic<napi_env> env{nullptr};        // null while the entry is free
  /// The state of the function, which each access reads. Revocation replaces it with a state that
  /// is always closed, so revocation adds no cost to an access.
  std::atomic<const std::atomic<State>*> state{nullptr};

  Window window;
  std::uint64_t size = 0;
  std::uint32_t region = 0;
  std::shared_ptr<Function> function;  // keeps the memory of the window
};

using Handle = std::uint32_t;

/// Throws Error kUnsupported if all 4096 entries are in use.
Handle acquire_slot(napi_env env, const std::shared_ptr<Function>& function, std::uint32_t region);

/// Does nothing for a handle that belongs to another env or is released already.
void release_slot(napi_env env, Handle handle) noexcept;

/// May be called from any thread, but not while another thread releases the handle. From now on,
/// accesses fail as closed. The objects that the entry refers to stay until its env releases it,
/// because the env may be in the middle of an access.
void revoke_slot(Handle handle) noexcept;

/// The entry of a handle in any state. The caller compares generation and env.
Slot& slot_at(Handle handle) noexcept;
constexpr std::uint32_t generation_of(Handle handle) noexcept { return handle >> 12; }

}  // namespace vfio::binding
