// SPDX-License-Identifier: MIT
#include "binding/poll.h"

#include <napi.h>
#include <uv.h>

#include <utility>

#include "sys/errors.h"

namespace vfio::binding {

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
      // Only an env that is ending refuses to make a value, and then nothing waits for it.
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

}  // namespace vfio::binding
