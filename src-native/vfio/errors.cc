// SPDX-License-Identifier: MIT
#include "vfio/errors.h"

#include <cstddef>

namespace vfio {

const char* error_code_name(ErrorCode code) noexcept {
#define VFIO_NAME(code, name) "ERR_VFIO_" name,
  static constexpr const char* kNames[] = {VFIO_ERROR_CODES(VFIO_NAME)};
#undef VFIO_NAME
  return kNames[static_cast<std::size_t>(code)];
}

}  // namespace vfio
