// SPDX-License-Identifier: MIT
// Helpers that several native tests share.
#pragma once

#include <cstddef>
#include <filesystem>
#include <iterator>
#include <optional>

#include "sys/errors.h"
#include "vfio/errors.h"

namespace vfio::testing {

/// The errno of the SysError that `action` throws, or 0 if it throws none.
template <typename Action>
int errno_of(Action action) {
  try {
    action();
  } catch (const sys::SysError& error) {
    return error.error();
  }
  return 0;
}

/// The code of the Error that `action` throws, or nullopt if it throws none.
template <typename Action>
std::optional<ErrorCode> code_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code();
  }
  return std::nullopt;
}

/// The number of open descriptors of this process, to compare before and after.
inline std::size_t open_descriptors() {
  const std::filesystem::directory_iterator descriptors("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(descriptors), end(descriptors)));
}

}  // namespace vfio::testing
