// SPDX-License-Identifier: MIT
// The state of one napi_env (the main thread, or a worker): what came back from service threads and
// waits for its loop, the libuv handles it polls, and what it has open. Lives until the env's
// clean-up hook has closed the last handle; used on the env's thread only, except where it says
// otherwise.
#pragma once

#include <napi.h>
#include <uv.h>

#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "binding/failure.h"
#include "vfio/backend.h"
#include "vfio/dma.h"
#include "binding/service_thread.h"

namespace vfio::binding {

class Adoption;
class Environment;
class OpenDevice;
class Poll;
struct OpenContainer;

/// Takes results from other threads to the env's loop. Thread-safe; shared with jobs that may
/// outlive the env.
class Mailbox final {
 public:
  using Delivery = std::function<void(Environment&)>;

  /// False once the env has ended; the delivery is then dropped here, on the caller's thread.
  bool post(Delivery delivery);

 private:
  friend class Environment;
  /// Those that are there, which then are the caller's.
  std::vector<Delivery> take();

  std::mutex mutex_;
  uv_async_t* wake_ = nullptr;  // null once the env has ended
  std::vector<Delivery> deliveries_;
};

class Environment final {
 public:
  static Environment& of(napi_env env);
  /// Makes the state of an env; it deletes itself when the env ends.
  static void create(Napi::Env env);

  napi_env env() const noexcept { return env_; }
  uv_loop_t* loop() const noexcept { return loop_; }
  const std::shared_ptr<Mailbox>& mailbox() const noexcept { return mailbox_; }

  /// What a job gives back when there is nothing to give back.
  struct Done {};

  /// Runs `job` on a service thread and settles a promise with what `convert` makes of its result.
  /// A pending promise keeps the process alive. When the env ends meanwhile, the result is
  /// destroyed on the service thread.
  template <typename Result>
  Napi::Value run(ServiceThread& thread, std::function<Result()> job,
                  std::function<Napi::Value(Napi::Env, Result&)> convert);

  /// The same for a job whose promise resolves with nothing.
  Napi::Value run(ServiceThread& thread, std::function<void()> job);

  /// A promise that another thread resolves, with nothing: `begin` gets what to call for it, once.
  Napi::Value await(const std::function<void(std::function<void()> resolve)>& begin);

  // What is open, so that it can be closed in the right order when the env ends.
  std::set<std::shared_ptr<OpenDevice>> devices;
  std::set<std::shared_ptr<DmaBuffer>> buffers;
  std::set<std::shared_ptr<OpenContainer>> containers;
  std::set<std::shared_ptr<Adoption>> adoptions;

  /// How containers are made, of a descriptor where one was opened elsewhere: over type1, unless a
  /// test says otherwise.
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
  explicit Environment(napi_env env);
  ~Environment() = default;

  static void on_wake(uv_async_t* handle);
  static void on_end(napi_async_cleanup_hook_handle handle, void* self);
  /// Drops on another thread what an env that is ending does not hear of any more.
  void deliver();
  void end();
  void handle_closed();

  /// Names a pending promise to jobs on other threads, which can hold nothing of JavaScript's.
  using Ticket = std::uint64_t;

  /// What a promise gave to its executor. Node-API's own deferred would do the same, but nothing
  /// frees one that is pending when its env ends.
  struct Settlers {
    Settlers(Napi::Function to_resolve, Napi::Function to_reject)
        : resolve(Napi::Persistent(to_resolve)), reject(Napi::Persistent(to_reject)) {}
    Settlers(const Settlers&) = delete;
    Settlers& operator=(const Settlers&) = delete;

    const Napi::FunctionReference resolve;
    const Napi::FunctionReference reject;
  };

  std::pair<Ticket, Napi::Value> make_promise();
  static Napi::Value keep_settlers(const Napi::CallbackInfo& info);
  /// Resolves with what `value` gives, or rejects with what it throws.
  void settle(Ticket ticket, const std::function<Napi::Value(Napi::Env)>& value);
  void keep_alive_while_pending();

  napi_env env_;
  uv_loop_t* loop_ = nullptr;
  std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  Napi::FunctionReference promise_class_;
  Ticket last_ticket_ = 0;
  std::map<Ticket, Settlers> pending_;
  std::set<Poll*> polls_;
  unsigned open_handles_ = 0;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  bool ending_ = false;
};

/// One uv_poll for readability of a descriptor, as a value. `keep` owns the descriptor and is let
/// go only after libuv has let go of it. Closed with the env at the latest.
class Poll final {
 public:
  Poll(Environment& environment, int fd, std::shared_ptr<void> keep,
       std::function<void()> on_readable);
  ~Poll() { close(); }
  Poll(const Poll&) = delete;
  Poll& operator=(const Poll&) = delete;

  void ref() noexcept;
  void unref() noexcept;
  void close() noexcept;

 private:
  struct Handle;
  Environment& environment_;
  Handle* handle_;  // null once closed; freed by libuv's close callback
};

/// Calls a JavaScript function from the loop; what it throws becomes an uncaught exception, and
/// nothing comes of it when the env is ending.
void call_from_loop(napi_env env, napi_value function, std::initializer_list<napi_value> arguments);

template <typename Result>
Napi::Value Environment::run(ServiceThread& thread, std::function<Result()> job,
                             std::function<Napi::Value(Napi::Env, Result&)> convert) {
  const auto [ticket, promise] = make_promise();
  thread.post([mailbox = mailbox_, ticket = ticket, job = std::move(job),
               convert = std::move(convert)]() mutable {
    auto result = std::make_shared<std::optional<Result>>();
    std::exception_ptr failure;
    try {
      result->emplace(job());
    } catch (...) {
      failure = std::current_exception();
    }
    // It may hold a container, and whoever hears of a failure may close that.
    job = nullptr;
    mailbox->post([ticket, convert, result, failure](Environment& environment) {
      environment.settle(ticket, [&](Napi::Env env) {
        if (failure) std::rethrow_exception(failure);
        return convert(env, **result);
      });
    });
  });
  return promise;
}

}  // namespace vfio::binding
