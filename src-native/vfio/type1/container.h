// SPDX-License-Identifier: MIT
// A VFIO container with the type1 IOMMU driver. Owns its descriptor. Thread-safe: each method is
// one system call.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "sys/file.h"
#include "sys/unique_fd.h"
#include "vfio/backend.h"

namespace vfio::type1 {

class Container final {
 public:
  /// `opened` is /dev/vfio/vfio, when that was opened elsewhere; SysError when it is something
  /// else. Throws Error kUnsupported or kNoIommu when the kernel does not speak type1v2.
  static Container open(std::optional<sys::Duplicate> opened);

  const sys::UniqueFd& fd() const noexcept { return fd_; }

  /// VFIO_SET_IOMMU: what makes a container able to map. Possible only with a group in it, and
  /// forgotten with the last one.
  void set_iommu();

  // These need set_iommu.
  Limits limits();
  void map(std::uint64_t iova, void* memory, std::uint64_t size, Direction direction);
  /// SysError ENOENT when nothing is mapped there, EIO when less than `size` was.
  void unmap(std::uint64_t iova, std::uint64_t size);

 private:
  Container(sys::UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  int control(unsigned long request, void* argument, const char* name) const;

  sys::UniqueFd fd_;
  std::string path_;  // as errors name it
};

}  // namespace vfio::type1
