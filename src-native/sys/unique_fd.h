// SPDX-License-Identifier: MIT
// A file descriptor as a value: move-only, closed once. Descriptor 0 is valid like any other.
#pragma once

#include <utility>

#include "sys/syscalls.h"

namespace vfio::sys {

class UniqueFd final {
 public:
  UniqueFd() noexcept = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~UniqueFd() { reset(); }

  int get() const noexcept { return fd_; }
  bool valid() const noexcept { return fd_ >= 0; }

  /// close() is not repeated after EINTR: Linux has released the descriptor even then.
  void reset() noexcept {
    if (fd_ >= 0) syscalls().close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

}  // namespace vfio::sys
