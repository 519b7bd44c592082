// SPDX-License-Identifier: MIT
#include "binding/promises.h"

#include "binding/failure.h"

namespace vfio::binding {

Promises::Promises(Napi::Env env, uv_handle_t* keep_alive)
    : env_(env),
      keep_alive_(keep_alive),
      promise_class_(Napi::Persistent(env.Global().Get("Promise").As<Napi::Function>())) {}

std::pair<Promises::Ticket, Napi::Value> Promises::make() {
  const Ticket ticket = ++last_ticket_;
  const auto executor = Napi::Function::New<keep_settlers>(env_, "executor", this);
  const Napi::Object promise = promise_class_.New({executor});
  keep_alive_while_pending();
  return {ticket, promise};
}

Napi::Value Promises::keep_settlers(const Napi::CallbackInfo& info) {
  auto& self = *static_cast<Promises*>(info.Data());
  self.pending_.try_emplace(self.last_ticket_, info[0].As<Napi::Function>(),
                            info[1].As<Napi::Function>());
  return info.Env().Undefined();
}

void Promises::settle(Ticket ticket, const std::function<Napi::Value(Napi::Env)>& value) {
  const auto taken = pending_.extract(ticket);
  // A program may have replaced Promise with a class that never calls the executor.
  if (taken.empty()) return;
  const Settlers& settlers = taken.mapped();
  keep_alive_while_pending();
  try {
    settlers.resolve.Call({across(env_, [&] { return value(env_); })});
  } catch (const Napi::Error& error) {
    // A failure as data, or what a setter of Object.prototype threw while an object was filled.
    settlers.reject.Call({error.Value()});
  }
}

void Promises::keep_alive_while_pending() {
  if (pending_.empty()) {
    uv_unref(keep_alive_);
  } else {
    uv_ref(keep_alive_);
  }
}

void Promises::end() {
  pending_.clear();
  promise_class_.Reset();
}

}  // namespace vfio::binding
