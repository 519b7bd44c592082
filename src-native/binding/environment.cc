// SPDX-License-Identifier: MIT
#include "binding/environment.h"

#include "binding/adoption.h"
#include "binding/container_wrap.h"
#include "binding/open_device.h"
#include "sys/errors.h"
#include "vfio/type1/address_space.h"

namespace vfio::binding {

namespace {

/// Whether the env still runs JavaScript: one that is ending does not. Every call of Node-API that
/// may run JavaScript says so; this one is cheap.
bool runs_javascript(napi_env env) {
  napi_value global = nullptr;
  bool same = false;
  return napi_get_global(env, &global) == napi_ok &&
         napi_strict_equals(env, global, global, &same) == napi_ok;
}

/// Runs `body` as a callback of the event loop: handles are freed after it and microtasks run.
/// False when `body` did not run, since the env is ending.
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
    // Only an env that is ending refuses a scope or a promise's settling, and then nobody is
    // waiting.
  }
  return ran;
}

}  // namespace

bool Mailbox::post(Delivery delivery) {
  const std::lock_guard lock(mutex_);
  if (wake_ == nullptr) return false;
  deliveries_.push_back(std::move(delivery));
  uv_async_send(wake_);
  return true;
}

std::vector<Mailbox::Delivery> Mailbox::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(deliveries_, {});
}

namespace {

/// Destroys results that nobody will get, which can take as long as closing a device does.
void drop_elsewhere(std::vector<Mailbox::Delivery> undelivered) {
  if (undelivered.empty()) return;
  try {
    auto dropped = std::make_shared<std::vector<Mailbox::Delivery>>(std::move(undelivered));
    ServiceThread().post([dropped] { dropped->clear(); });
  } catch (const std::exception&) {
    // No thread to be had: then here.
  }
}

}  // namespace

Environment& Environment::of(napi_env env) {
  void* self = nullptr;
  napi_get_instance_data(env, &self);
  return *static_cast<Environment*>(self);
}

void Environment::create(Napi::Env env) {
  auto* self = new Environment(env);
  // Without a finalizer: the clean-up hook deletes it after the last libuv handle.
  napi_set_instance_data(env, self, nullptr, nullptr);
  self->promise_class_ = Napi::Persistent(env.Global().Get("Promise").As<Napi::Function>());
}

Environment::Environment(napi_env env) : make_backend(open_type1), env_(env) {
  napi_get_uv_event_loop(env, &loop_);
  auto* wake = new uv_async_t;
  uv_async_init(loop_, wake, on_wake);
  wake->data = this;
  uv_unref(reinterpret_cast<uv_handle_t*>(wake));
  mailbox_->wake_ = wake;
  open_handles_ = 1;
  napi_add_async_cleanup_hook(env, on_end, this, &hook_);
}

std::pair<Environment::Ticket, Napi::Value> Environment::make_promise() {
  const Ticket ticket = ++last_ticket_;
  const auto executor = Napi::Function::New<keep_settlers>(env_, "executor", this);
  const Napi::Object promise = promise_class_.New({executor});
  keep_alive_while_pending();
  return {ticket, promise};
}

Napi::Value Environment::keep_settlers(const Napi::CallbackInfo& info) {
  auto& self = *static_cast<Environment*>(info.Data());
  self.pending_.try_emplace(self.last_ticket_, info[0].As<Napi::Function>(),
                            info[1].As<Napi::Function>());
  return info.Env().Undefined();
}

void Environment::settle(Ticket ticket, const std::function<Napi::Value(Napi::Env)>& value) {
  const Napi::Env env(env_);
  const auto taken = pending_.extract(ticket);
  // A program's own Promise class may not have called the executor.
  if (taken.empty()) return;
  const Settlers& settlers = taken.mapped();
  keep_alive_while_pending();
  try {
    settlers.resolve.Call({value(env)});
  } catch (const Napi::Error& error) {
    if (ending_) throw;
    // A setter of Object.prototype, for one, on an object that was being filled.
    settlers.reject.Call({error.Value()});
  } catch (...) {
    settlers.reject.Call({failure_data(env, std::current_exception())});
  }
}

void Environment::keep_alive_while_pending() {
  auto* wake = reinterpret_cast<uv_handle_t*>(mailbox_->wake_);
  if (pending_.empty()) {
    uv_unref(wake);
  } else {
    uv_ref(wake);
  }
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
  drop_elsewhere(std::move(undelivered));
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
  const auto [ticket, promise] = make_promise();
  begin([mailbox = mailbox_, ticket = ticket] {
    mailbox->post([ticket](Environment& environment) {
      environment.settle(ticket, [](Napi::Env env) { return env.Undefined(); });
    });
  });
  return promise;
}

void Environment::end() {
  ending_ = true;
  uv_async_t* wake = nullptr;
  {
    const std::lock_guard lock(mailbox_->mutex_);
    wake = std::exchange(mailbox_->wake_, nullptr);
  }
  for (const auto& adoption : std::exchange(adoptions, {})) adoption->close();
  // Memory stays mapped until the last device that may write to it has been quieted.
  auto held = std::make_shared<std::set<std::shared_ptr<DmaBuffer>>>(std::move(buffers));
  buffers.clear();
  for (const auto& device : std::exchange(devices, {})) device->abandon(held);
  held.reset();
  for (const auto& container : std::exchange(containers, {})) abandon(container);
  for (Poll* poll : std::exchange(polls_, {})) poll->close();
  drop_elsewhere(mailbox_->take());

  pending_.clear();
  promise_class_.Reset();
  container_class.Reset();
  device_class.Reset();
  interrupts_class.Reset();
  dma_class.Reset();
  grant_class.Reset();
  adoption_class.Reset();
  uv_close(reinterpret_cast<uv_handle_t*>(wake), [](uv_handle_t* handle) {
    auto* self = static_cast<Environment*>(handle->data);
    delete reinterpret_cast<uv_async_t*>(handle);
    self->handle_closed();
  });
}

void Environment::handle_closed() {
  if (--open_handles_ > 0 || !ending_) return;
  napi_remove_async_cleanup_hook(hook_);
  delete this;
}

struct Poll::Handle {
  uv_poll_t poll;
  Environment* environment;
  std::shared_ptr<void> keep;
  std::function<void()> on_readable;
};

Poll::Poll(Environment& environment, int fd, std::shared_ptr<void> keep,
           std::function<void()> on_readable)
    : environment_(environment),
      handle_(new Handle{{}, &environment, std::move(keep), std::move(on_readable)}) {
  handle_->poll.data = handle_;
  const int failure = uv_poll_init(environment.loop(), &handle_->poll, fd);
  if (failure < 0) {
    delete std::exchange(handle_, nullptr);
    throw sys::SysError(-failure, "epoll_ctl");
  }
  environment_.polls_.insert(this);
  ++environment_.open_handles_;
  uv_poll_start(&handle_->poll, UV_READABLE, [](uv_poll_t* poll, int, int) {
    try {
      static_cast<Handle*>(poll->data)->on_readable();
    } catch (const Napi::Error&) {
      // Only an env that is ending refuses to make a value, and then nobody is waiting for it.
    }
  });
}

void Poll::ref() noexcept {
  if (handle_ != nullptr) uv_ref(reinterpret_cast<uv_handle_t*>(&handle_->poll));
}

void Poll::unref() noexcept {
  if (handle_ != nullptr) uv_unref(reinterpret_cast<uv_handle_t*>(&handle_->poll));
}

void Poll::close() noexcept {
  if (handle_ == nullptr) return;
  environment_.polls_.erase(this);
  uv_close(reinterpret_cast<uv_handle_t*>(&std::exchange(handle_, nullptr)->poll),
           [](uv_handle_t* closed) {
             auto* handle = static_cast<Handle*>(closed->data);
             Environment* environment = handle->environment;
             delete handle;
             environment->handle_closed();
           });
}

void call_from_loop(napi_env env, napi_value function,
                    std::initializer_list<napi_value> arguments) {
  napi_value global = nullptr;
  if (napi_get_global(env, &global) != napi_ok) return;
  napi_make_callback(env, nullptr, global, function, arguments.size(), arguments.begin(), nullptr);
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) != napi_ok || !pending) return;
  napi_value thrown = nullptr;
  if (napi_get_and_clear_last_exception(env, &thrown) == napi_ok) napi_fatal_exception(env, thrown);
}

}  // namespace vfio::binding
