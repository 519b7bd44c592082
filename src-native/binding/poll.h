// SPDX-License-Identifier: MIT
// A watcher of one descriptor on the event loop of an env (uv_poll), as a value.
#pragma once

#include <functional>
#include <memory>

#include "binding/environment.h"

namespace vfio::binding {

/// Calls back while the descriptor is readable. Used on the env's thread only. If it is still open
/// when the env ends, the env closes it.
class Poll final {
 public:
  /// `keep` owns the descriptor and is released once libuv no longer uses it.
  Poll(Environment& environment, int fd, std::shared_ptr<void> keep,
       std::function<void()> on_readable);
  ~Poll() { close(); }
  Poll(const Poll&) = delete;
  Poll& operator=(const Poll&) = delete;

  /// Sets whether it keeps the process alive. Initially, it does.
  void ref() noexcept;
  void unref() noexcept;
  void close() noexcept;

 private:
  struct Handle;
  Environment& environment_;
  Handle* handle_;  // null once closed; libuv's close callback frees it
};

}  // namespace vfio::binding
