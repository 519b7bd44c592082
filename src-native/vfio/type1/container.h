// SPDX-License-Identifier: MIT
// A VFIO container with the type1 IOMMU driver. Owns its descriptor. Thread-safe: each method makes
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
  /// `opened` is /dev/vfio/vfio, if other code opened it. Throws SysError if it is another file,
  /// and Error kUnsupported or kNoIommu if the kernel does not support type1v2.
  static Container open(std::optional<sys::Duplicate> opened);

  const sys::UniqueFd& fd() const noexcept { return fd_; }

  /// VFIO_SET_IOMMU: enables the container to map memory. This needs a group in the container, and
  /// the kernel forgets it when the last group leaves.
  void set_iommu();

  // These methods need set_iommu().
  Limits limits();
  void map(std::uint64_t iova, void* memory, std::uint64_t size, Direction direction);
  /// Throws SysError ENOENT if nothing is mapped there, EIO if less than `size` was.
  void unmap(std::uint64_t iova, std::uint64_t size);

 private:
  Container(sys::UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  int control(unsigned long request, void* argument, const char* name) const;

  sys::UniqueFd fd_;
  std::string path_;  // as errors name it
};

}  // namespace vfio::type1
