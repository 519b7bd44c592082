// SPDX-License-Identifier: MIT
#include "binding/environment.h"

#include "binding/adoption.h"
#include "binding/container_wrap.h"
#include "binding/open_device.h"
#include "binding/poll.h"
#include "vfio/type1/address_space.h"

namespace vfio::binding {

namespace {

/// Whether the env still runs JavaScript; an env that is ending does not. Every Node-API call that
/// may run JavaScript reports this; the call here is a cheap one.
bool runs_javascript(napi_env env) {
  napi_value global = nullptr;
  bool same = false;
  return napi_get_global(env, &global) == napi_ok &&
         napi_strict_equals(env, global, global, &same) == napi_ok;
}

/// Runs `body` as a callback of the event loop: afterwards, handles are freed and microtasks run.
/// Returns false if `body` did not run because the env is ending.
template <typename Body>
bool in_callback_scope(napi_env env, Body&& body) {
  const Napi::HandleScope handles(env);
  if (!runs_javascript(env)) return false;
  bool ran = false;
  try {
    const Napi::AsyncContext context(env, "vfio");
    const Napi::CallbackScope scope(env, context);
    ran = true;
    body();
  } catch (const Napi::Error&) {
    // Only an env that is ending refuses to open a scope or to settle a promise, and then nothing
    // waits for the result.
  }
  return ran;
}

/// Destroys, on another thread, results that were not delivered. This can take as long as closing a
/// device.
void destroy_elsewhere(std::vector<Mailbox::Delivery> undelivered) {
  if (undelivered.empty()) return;
  try {
    auto dropped = std::make_shared<std::vector<Mailbox::Delivery>>(std::move(undelivered));
    ServiceThread().post([dropped] { dropped->clear(); });
  } catch (const std::exception&) {
    // No thread could be started, so this thread destroys them.
  }
}

}  // namespace

Environment& Environment::of(napi_env env) {
  void* self = nullptr;
  napi_get_instance_data(env, &self);
  return *static_cast<Environment*>(self);
}

void Environment::create(Napi::Env env) {
  // There is no finalizer: the clean-up hook deletes the object after the last libuv handle is
  // closed.
  napi_set_instance_data(env, new Environment(env), nullptr, nullptr);
}

Environment::Environment(Napi::Env env)
    : make_backend(open_type1), env_(env), promises_(env, wake_handle()) {
  napi_get_uv_event_loop(env, &loop_);
  uv_async_init(loop_, wake_.get(), on_wake);
  wake_->data = this;
  uv_unref(wake_handle());
  open_handles_ = 1;
  napi_add_async_cleanup_hook(env, on_end, this, &hook_);
}

void Environment::on_wake(uv_async_t* handle) {
  static_cast<Environment*>(handle->data)->deliver();
}

void Environment::deliver() {
  std::vector<Mailbox::Delivery> undelivered;
  for (Mailbox::Delivery& delivery : mailbox_->take()) {
    const bool delivered = in_callback_scope(env_, [&] { delivery(*this); });
    if (!delivered) undelivered.push_back(std::move(delivery));
  }
  destroy_elsewhere(std::move(undelivered));
}

void Environment::on_end(napi_async_cleanup_hook_handle /*handle*/, void* self) {
  static_cast<Environment*>(self)->end();
}

Napi::Value Environment::run(ServiceThread& thread, std::function<void()> job) {
  return run<Done>(
      thread,
      [job = std::move(job)] {
        job();
        return Done{};
      },
      [](Napi::Env env, Done&) { return env.Undefined(); });
}

Napi::Value Environment::await(const std::function<void(std::function<void()> resolve)>& begin) {
  const auto [ticket, promise] = promises_.make();
  begin([mailbox = mailbox_, ticket = ticket] {
    mailbox->post([ticket](Environment& environment) {
      environment.promises_.settle(ticket, [](Napi::Env env) { return env.Undefined(); });
    });
  });
  return promise;
}

void Environment::end() {
  ending_ = true;
  mailbox_->end();
  for (const auto& adoption : std::exchange(adoptions, {})) adoption->close();
  // The memory stays mapped until the last device that could write to it is quiet.
  auto held = std::make_shared<std::set<std::shared_ptr<DmaBuffer>>>(std::move(buffers));
  buffers.clear();
  for (const auto& device : std::exchange(devices, {})) device->close_in_background(held);
  held.reset();
  for (const auto& container : std::exchange(containers, {})) release_in_background(container);
  for (Poll* poll : std::exchange(polls_, {})) poll->close();
  destroy_elsewhere(mailbox_->take());

  promises_.end();
  container_class.Reset();
  device_class.Reset();
  interrupts_class.Reset();
  dma_class.Reset();
  grant_class.Reset();
  adoption_class.Reset();
  uv_close(wake_handle(),
           [](uv_handle_t* handle) { static_cast<Environment*>(handle->data)->handle_closed(); });
}

void Environment::handle_closed() {
  if (--open_handles_ > 0 || !ending_) return;
  napi_remove_async_cleanup_hook(hook_);
  delete this;
}

}  // namespace vfio::binding
