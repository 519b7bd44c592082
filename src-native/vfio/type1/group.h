// SPDX-License-Identifier: MIT
// A VFIO group, open and in a container. Owns its descriptor, of which the kernel allows one at a
// time. The container outlives it. Thread-safe.
#pragma once

#include <string>

#include "sys/unique_fd.h"
#include "vfio/address.h"
#include "vfio/type1/container.h"

namespace vfio::type1 {

class Group final {
 public:
  /// Opens the group's node and puts it into the container. Throws SysError EBUSY when somebody has
  /// the group, Error kNotViable when a device of it belongs to another driver.
  static Group join(int number, const Container& container);

  /// Takes it out of the container and closes it. The descriptor closes even when this throws.
  void leave();

  /// VFIO_GROUP_GET_DEVICE_FD; waits while the kernel resets the device.
  sys::UniqueFd open_device(const Address& address) const;

  /// Its file, as errors name it.
  const std::string& path() const noexcept { return path_; }

 private:
  Group(sys::UniqueFd fd, std::string path);
  void check_viable() const;
  int control(unsigned long request, void* argument, const char* name) const;

  sys::UniqueFd fd_;
  std::string path_;
};

}  // namespace vfio::type1
