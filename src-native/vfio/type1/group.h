// SPDX-License-Identifier: MIT
// A VFIO group, open and in a container. Owns its descriptor, of which the kernel allows one at a
// time. The container outlives it. Thread-safe.
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
  /// Opens the group's node, unless it is `opened` elsewhere already, and puts it into the
  /// container. Throws SysError EBUSY when somebody has the group, Error kNotViable when a device
  /// of it belongs to another driver; of what is opened already, SysError when it is no group,
  /// Error kRange when it is another and kBusy when it is in a container.
  static Group join(int number, std::optional<sys::Duplicate> opened, const Container& container);

  /// Takes it out of the container and closes it. The descriptor closes even when this throws.
  void leave();

  /// VFIO_GROUP_GET_DEVICE_FD, whose argument is the address, and behind it the VF token; waits
  /// while the kernel resets the device.
  sys::UniqueFd open_device(const OpenRequest& request) const;

  /// Another descriptor of it, which keeps it open.
  sys::UniqueFd duplicate() const;

  /// As errors name it.
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
