// SPDX-License-Identifier: MIT
#include "vfio/type1/group.h"

#include <fcntl.h>

#include <cerrno>
#include <charconv>
#include <string_view>
#include <utility>

#include "sys/errors.h"
#include "sys/file.h"
#include "uapi/vfio.h"
#include "vfio/errors.h"

namespace vfio::type1 {

namespace {

// The wait is short, because the address space is locked during it. Also, the node may never
// appear: in an OS container (Docker), sysfs shows the groups of the host, but /dev does not have
// their nodes.
constexpr int kRetryMs = 10;
constexpr int kRetries = 20;

/// Whether the kernel has a node for the group. If so, a missing file in /dev will appear soon.
bool has_node(int number) {
  try {
    sys::read_link("/sys/class/vfio/" + std::to_string(number));
    return true;
  } catch (const sys::SysError&) {
    return false;
  }
}

/// Opens the node. It appears shortly after the first device of the group was bound to vfio-pci.
sys::UniqueFd open_node(int number, const std::string& path) {
  for (int retry = 0;; ++retry) {
    try {
      return sys::open_file(path, O_RDWR);
    } catch (const sys::SysError& error) {
      const bool late = error.error() == ENOENT || error.error() == ENODEV;
      if (!late || retry == kRetries || !has_node(number)) throw;
    }
    sys::pause(kRetryMs);
  }
}

/// Checks that `opened` is the node of this group. Only its file name says so. If the name says
/// nothing (/proc is not mounted, or the node has another name), the caller is trusted.
void check_number(int number, const sys::Duplicate& opened) {
  const std::string_view name = std::string_view(opened.file).substr(opened.file.rfind('/') + 1);
  int actual = number;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), actual);
  const bool is_number = error == std::errc() && end == name.data() + name.size();
  if (!is_number || actual == number) return;
  throw Error(ErrorCode::kRange,
              opened.name + " is not the node of group " + std::to_string(number));
}

}  // namespace

Group::Group(sys::UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

Group Group::join(int number, std::optional<sys::Duplicate> opened, const Container& container) {
  Group group = opened ? adopt(number, std::move(*opened)) : open(number);
  group.check_status();
  int container_fd = container.fd().get();
  group.control(VFIO_GROUP_SET_CONTAINER, &container_fd, "VFIO_GROUP_SET_CONTAINER");
  return group;
}

Group Group::open(int number) {
  std::string path = "/dev/vfio/" + std::to_string(number);
  sys::UniqueFd node = open_node(number, path);
  return {std::move(node), std::move(path)};
}

Group Group::adopt(int number, sys::Duplicate opened) {
  check_number(number, opened);
  return {std::move(opened.fd), std::move(opened.name)};
}

void Group::leave() {
  const Group closed_on_return = std::move(*this);
  closed_on_return.control(VFIO_GROUP_UNSET_CONTAINER, nullptr, "VFIO_GROUP_UNSET_CONTAINER");
}

sys::UniqueFd Group::open_device(const OpenRequest& request) const {
  std::string name = request.address.text();
  if (request.vf_token) name += " vf_token=" + request.vf_token->text();
  return sys::UniqueFd(control(VFIO_GROUP_GET_DEVICE_FD, name.data(), "VFIO_GROUP_GET_DEVICE_FD"));
}

sys::UniqueFd Group::duplicate() const { return sys::duplicate(fd_.get()).fd; }

void Group::check_status() const {
  vfio_group_status status{.argsz = sizeof status, .flags = 0};
  control(VFIO_GROUP_GET_STATUS, &status, "VFIO_GROUP_GET_STATUS");
  if ((status.flags & VFIO_GROUP_FLAGS_VIABLE) == 0) {
    throw Error(ErrorCode::kNotViable,
                path_ + " is not viable: a device of the group is bound to another driver");
  }
  if ((status.flags & VFIO_GROUP_FLAGS_CONTAINER_SET) != 0) {
    throw Error(ErrorCode::kBusy, path_ + " is in a container already");
  }
}

int Group::control(unsigned long request, void* argument, const char* name) const {
  return sys::control(fd_, request, argument, name, path_);
}

}  // namespace vfio::type1
