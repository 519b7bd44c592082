// SPDX-License-Identifier: MIT
#include "sys/kernel_version.h"

#include <sys/utsname.h>

#include <cerrno>
#include <charconv>
#include <string_view>

#include "sys/errors.h"
#include "sys/syscalls.h"

namespace vfio::sys {

KernelVersion kernel_version() {
  utsname names{};
  if (syscalls().uname(&names) < 0) throw SysError(errno, "uname");
  const std::string_view release(names.release);
  const char* const end = release.data() + release.size();
  KernelVersion result;
  const auto [dot, error] = std::from_chars(release.data(), end, result.version);
  if (error != std::errc() || dot == end || *dot != '.') return {};
  if (std::from_chars(dot + 1, end, result.patch_level).ec != std::errc()) return {};
  return result;
}

}  // namespace vfio::sys
