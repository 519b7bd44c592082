// SPDX-License-Identifier: MIT
// A VFIO container with the type1 IOMMU driver. Owns its descriptor. Thread-safe: each method is
// one system call.
#pragma once

#include <cstdint>
#include <string>

#include "sys/unique_fd.h"
#include "vfio/backend.h"

namespace vfio::type1 {

class Container final {
 public:
  /// Throws Error kUnsupported or kNoIommu when the kernel does not speak type1v2.
  static Container open();

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
  explicit Container(sys::UniqueFd fd) : fd_(std::move(fd)) {}
  int control(unsigned long request, void* argument, const char* name) const;

  sys::UniqueFd fd_;
};

}  // namespace vfio::type1
