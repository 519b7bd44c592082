// SPDX-License-Identifier: MIT
// The table behind register handles. A handle is generation << 12 | index, small enough to be an
// unboxed number in V8; entries never move, so a stale handle can always be looked at safely. An
// entry is used by the env that made it and by no other; the only thing that another thread does to
// it is to revoke it.
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
  /// The function's, looked at before each access; another that is closed for ever once the entry
  /// was revoked, which so costs an access nothing.
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
