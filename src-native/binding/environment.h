// SPDX-License-Identifier: MIT
// The state of one napi_env, which belongs to the main thread or to a worker. It holds the open
// objects, the mailbox, the pending promises and the libuv handles.
#pragma once

#include <napi.h>
#include <uv.h>

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "binding/failure.h"
#include "binding/mailbox.h"
#include "binding/promises.h"
#include "binding/service_thread.h"
#include "vfio/backend.h"
#include "vfio/dma.h"

namespace vfio::binding {

class Adoption;
class OpenDevice;
class Poll;
struct OpenContainer;

/// Lives until the env's clean-up hook has closed the last libuv handle. Used on the env's thread
/// only.
class Environment final {
 public:
  static Environment& of(napi_env env);
  /// Creates the state of an env, which deletes itself when the env ends.
  static void create(Napi::Env env);

  napi_env env() const noexcept { return env_; }
  uv_loop_t* loop() const noexcept { return loop_; }
  const std::shared_ptr<Mailbox>& mailbox() const noexcept { return mailbox_; }

  /// The result of a job that has none.
  struct Done {};

  /// Runs `job` on a service thread and returns a promise. `convert` turns the result of the job
  /// into the value of the promise. If the env has ended before that, the service thread destroys
  /// the result.
  template <typename Result>
  Napi::Value run(ServiceThread& thread, std::function<Result()> job,
                  std::function<Napi::Value(Napi::Env, Result&)> convert);

  /// The same for a job without a result: its promise resolves with undefined.
  Napi::Value run(ServiceThread& thread, std::function<void()> job);

  /// Returns a promise that resolves with undefined. `begin` gets a function that resolves it,
  /// which any thread may call, once.
  Napi::Value await(const std::function<void(std::function<void()> resolve)>& begin);

  // The open objects, which end() closes in the right order.
  std::set<std::shared_ptr<OpenDevice>> devices;
  std::set<std::shared_ptr<DmaBuffer>> buffers;
  std::set<std::shared_ptr<OpenContainer>> containers;
  std::set<std::shared_ptr<Adoption>> adoptions;

  /// Makes the back end of a container, from `opened` if other code opened the container. It makes
  /// the type1 back end, unless a test replaces it.
  std::function<std::unique_ptr<AddressSpaceBackend>(std::optional<sys::Duplicate> opened)>
      make_backend;

  Napi::FunctionReference container_class;
  Napi::FunctionReference device_class;
  Napi::FunctionReference interrupts_class;
  Napi::FunctionReference dma_class;
  Napi::FunctionReference grant_class;
  Napi::FunctionReference adoption_class;

 private:
  friend class Poll;
  explicit Environment(Napi::Env env);
  ~Environment() = default;

  uv_handle_t* wake_handle() const noexcept { return reinterpret_cast<uv_handle_t*>(wake_.get()); }
  static void on_wake(uv_async_t* handle);
  static void on_end(napi_async_cleanup_hook_handle handle, void* self);
  /// An env that is ending runs no delivery; another thread then destroys it.
  void deliver();
  void end();
  void handle_closed();

  const napi_env env_;
  uv_loop_t* loop_ = nullptr;
  const std::unique_ptr<uv_async_t> wake_ = std::make_unique<uv_async_t>();
  const std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>(wake_.get());
  Promises promises_;
  std::set<Poll*> polls_;
  unsigned open_handles_ = 0;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  bool ending_ = false;
};

template <typename Result>
Napi::Value Environment::run(ServiceThread& thread, std::function<Result()> job,
                             std::function<Napi::Value(Napi::Env, Result&)> convert) {
  const auto [ticket, promise] = promises_.make();
  thread.post([mailbox = mailbox_, ticket = ticket, job = std::move(job),
               convert = std::move(convert)]() mutable {
    auto result = std::make_shared<std::optional<Result>>();
    std::exception_ptr failure;
    try {
      result->emplace(job());
    } catch (...) {
      failure = std::current_exception();
    }
    // The job may hold a container, which a listener that is told about a failure may close. So the
    // job is destroyed first.
    job = nullptr;
    mailbox->post([ticket, convert, result, failure](Environment& environment) {
      environment.promises_.settle(ticket, [&](Napi::Env env) {
        if (failure) std::rethrow_exception(failure);
        return convert(env, **result);
      });
    });
  });
  return promise;
}

}  // namespace vfio::binding
