// SPDX-License-Identifier: MIT
// A VFIO group, open and in a container. Owns its descriptor; the kernel allows only one at a time.
// The container outlives the group. Thread-safe.
#pragma once

#include <optional>
#include <string>

#include "sys/file.h"
#include "sys/unique_fd.h"
#include "vfio/backend.h"
#include "vfio/type1/container.h"

namespace vfio::type1 {

class Group final {
 public:
  /// Opens the group's node, or uses `opened`, and puts the group into the container. Throws
  /// SysError EBUSY if another process has the group open, and Error kNotViable if a device of the
  /// group is bound to another driver. If `opened` is not a group, this throws SysError; if it is
  /// another group, Error kRange; if it is in a container already, Error kBusy.
  static Group join(int number, std::optional<sys::Duplicate> opened, const Container& container);

  /// Takes the group out of the container and closes its descriptor, even if this throws.
  void leave();

  /// VFIO_GROUP_GET_DEVICE_FD. Its argument is the address, followed by the VF token. Waits while
  /// the kernel resets the device.
  sys::UniqueFd open_device(const OpenRequest& request) const;

  /// Another descriptor of the group, which keeps it open.
  sys::UniqueFd duplicate() const;

  /// Its name in errors.
  const std::string& path() const noexcept { return path_; }

 private:
  Group(sys::UniqueFd fd, std::string path);
  static Group open(int number);
  static Group adopt(int number, sys::Duplicate opened);
  void check_status() const;
  int control(unsigned long request, void* argument, const char* name) const;

  sys::UniqueFd fd_;
  std::string path_;
};

}  // namespace vfio::type1
