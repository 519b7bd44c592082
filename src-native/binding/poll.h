// SPDX-License-Identifier: MIT
// A watcher of one descriptor on the event loop of an env (uv_poll), as a value.
#pragma once

#include <functional>
#include <memory>

#include "binding/environment.h"

namespace vfio::binding {

/// Calls back while the descriptor is readable. Used on the env's thread only. The env closes it
/// when it ends, if nobody did before.
class Poll final {
 public:
  /// `keep` owns the descriptor and is released once libuv no longer uses it.
  Poll(Environment& environment, int fd, std::shared_ptr<void> keep,
       std::function<void()> on_readable);
  ~Poll() { close(); }
  Poll(const Poll&) = delete;
  Poll& operator=(const Poll&) = delete;

  /// Whether it keeps the process alive; it does at first.
  void ref() noexcept;
  void unref() noexcept;
  void close() noexcept;

 private:
  struct Handle;
  Environment& environment_;
  Handle* handle_;  // null once closed; libuv's close callback frees it
};

}  // namespace vfio::binding
