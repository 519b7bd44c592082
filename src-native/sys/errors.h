// SPDX-License-Identifier: MIT
// A system call that failed, as a value: what was called, on what, and errno.
#pragma once

#include <exception>
#include <string>
#include <utility>

namespace vfio::sys {

class SysError final : public std::exception {
 public:
  /// `syscall` is the call ("ioctl"). `request` is the name of the ioctl ("VFIO_SET_IOMMU"), or
  /// empty. `path` is the file of the call as a user would name it ("/dev/vfio/12"), or empty.
  SysError(int error, std::string syscall, std::string request = {}, std::string path = {})
      : error_(error),
        syscall_(std::move(syscall)),
        request_(std::move(request)),
        path_(std::move(path)) {}

  int error() const noexcept { return error_; }
  const std::string& syscall() const noexcept { return syscall_; }
  const std::string& request() const noexcept { return request_; }
  const std::string& path() const noexcept { return path_; }
  const char* what() const noexcept override { return syscall_.c_str(); }

 private:
  int error_;
  std::string syscall_;
  std::string request_;
  std::string path_;
};

}  // namespace vfio::sys
