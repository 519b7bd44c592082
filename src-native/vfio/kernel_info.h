// SPDX-License-Identifier: MIT
// The info ioctls of VFIO descriptors, whose answers end in a capability chain of unknown length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "sys/unique_fd.h"

namespace vfio {

/// Calls `request` with a copy of the struct in `question`, and repeats it with the buffer size
/// that `argsz` asks for, until the answer fits: a truncated answer may leave fields unset. Returns
/// the last answer as a whole.
std::vector<std::uint8_t> read_info(const sys::UniqueFd& fd, unsigned long request,
                                    std::span<const std::uint8_t> question, const char* name,
                                    const std::string& path);

/// The same, but fills in `argsz`.
template <typename Info>
std::vector<std::uint8_t> read_info(const sys::UniqueFd& fd, unsigned long request, Info question,
                                    const char* name, const std::string& path) {
  question.argsz = sizeof question;
  return read_info(fd, request,
                   std::span(reinterpret_cast<const std::uint8_t*>(&question), sizeof question),
                   name, path);
}

/// VFIO_DEVICE_GET_PCI_HOT_RESET_INFO. It has no capabilities, and reports a buffer that is too
/// short with ENOSPC. Empty if neither the slot nor the bus of the device can be reset.
std::vector<std::uint8_t> read_hot_reset_info(const sys::UniqueFd& device, const std::string& path);

}  // namespace vfio
