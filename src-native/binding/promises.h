// SPDX-License-Identifier: MIT
// The pending promises of an env. They settle when another thread has finished a job.
#pragma once

#include <napi.h>
#include <uv.h>

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

namespace vfio::binding {

/// Used on the env's thread only.
class Promises final {
 public:
  /// Identifies a pending promise for jobs on other threads, which cannot hold a JavaScript value.
  using Ticket = std::uint64_t;

  /// A pending promise keeps the process alive: `keep_alive` is referenced while there is one.
  Promises(Napi::Env env, uv_handle_t* keep_alive);
  Promises(const Promises&) = delete;
  Promises& operator=(const Promises&) = delete;

  std::pair<Ticket, Napi::Value> make();

  /// Resolves the promise with what `value` returns, or rejects it with what `value` throws.
  void settle(Ticket ticket, const std::function<Napi::Value(Napi::Env)>& value);

  /// Called when the env ends: its pending promises never settle.
  void end();

 private:
  /// The functions that a promise passes to its executor. Node-API's own deferred would do the
  /// same, but it is never freed if it is still pending when its env ends.
  struct Settlers {
    Settlers(Napi::Function to_resolve, Napi::Function to_reject)
        : resolve(Napi::Persistent(to_resolve)), reject(Napi::Persistent(to_reject)) {}
    Settlers(const Settlers&) = delete;
    Settlers& operator=(const Settlers&) = delete;

    const Napi::FunctionReference resolve;
    const Napi::FunctionReference reject;
  };

  static Napi::Value keep_settlers(const Napi::CallbackInfo& info);
  void keep_alive_while_pending();

  const Napi::Env env_;
  uv_handle_t* const keep_alive_;
  Napi::FunctionReference promise_class_;
  Ticket last_ticket_ = 0;
  std::map<Ticket, Settlers> pending_;
};

}  // namespace vfio::binding
