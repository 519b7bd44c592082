// SPDX-License-Identifier: MIT
#include "vfio/type1/group.h"

#include <fcntl.h>

#include <cerrno>
#include <utility>

#include "sys/errors.h"
#include "sys/file.h"
#include "sys/syscalls.h"
#include "uapi/vfio.h"
#include "vfio/errors.h"

namespace vfio::type1 {

namespace {

// Not for long: the address space is locked meanwhile, and in a container of the other kind, which
// sees the host's sysfs but not its nodes, none will ever come.
constexpr int kRetryMs = 10;
constexpr int kRetries = 20;

/// Whether the kernel has a node for the group, so that a missing file is only late.
bool has_node(int number) {
  try {
    sys::read_link("/sys/class/vfio/" + std::to_string(number));
    return true;
  } catch (const sys::SysError&) {
    return false;
  }
}

/// The node appears a little after the first device of the group was bound to vfio-pci.
sys::UniqueFd open_node(int number, const std::string& path) {
  for (int retry = 0;; ++retry) {
    try {
      return sys::open_file(path, O_RDWR);
    } catch (const sys::SysError& error) {
      const bool late = error.error() == ENOENT || error.error() == ENODEV;
      if (!late || retry == kRetries || !has_node(number)) throw;
    }
    sys::syscalls().poll(nullptr, 0, kRetryMs);
  }
}

}  // namespace

Group::Group(sys::UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

Group Group::join(int number, const Container& container) {
  std::string path = "/dev/vfio/" + std::to_string(number);
  sys::UniqueFd node = open_node(number, path);
  Group group(std::move(node), std::move(path));
  group.check_viable();
  int container_fd = container.fd().get();
  group.control(VFIO_GROUP_SET_CONTAINER, &container_fd, "VFIO_GROUP_SET_CONTAINER");
  return group;
}

void Group::leave() {
  const Group closed_on_return = std::move(*this);
  closed_on_return.control(VFIO_GROUP_UNSET_CONTAINER, nullptr, "VFIO_GROUP_UNSET_CONTAINER");
}

sys::UniqueFd Group::open_device(const Address& address) const {
  std::string name = address.text();
  return sys::UniqueFd(control(VFIO_GROUP_GET_DEVICE_FD, name.data(), "VFIO_GROUP_GET_DEVICE_FD"));
}

/// A flag, not the whole value: a group can be in a container as well.
void Group::check_viable() const {
  vfio_group_status status{.argsz = sizeof status, .flags = 0};
  control(VFIO_GROUP_GET_STATUS, &status, "VFIO_GROUP_GET_STATUS");
  if ((status.flags & VFIO_GROUP_FLAGS_VIABLE) == 0) {
    throw Error(ErrorCode::kNotViable,
                path_ + " is not viable: a device of the group is bound to another driver");
  }
}

int Group::control(unsigned long request, void* argument, const char* name) const {
  return sys::control(fd_, request, argument, name, path_);
}

}  // namespace vfio::type1
