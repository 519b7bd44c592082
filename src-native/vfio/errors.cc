// SPDX-License-Identifier: MIT
#include "vfio/errors.h"

namespace vfio {

const char* error_code_name(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::kClosed:
      return "ERR_VFIO_CLOSED";
    case ErrorCode::kBusy:
      return "ERR_VFIO_BUSY";
    case ErrorCode::kRange:
      return "ERR_VFIO_RANGE";
    case ErrorCode::kAlign:
      return "ERR_VFIO_ALIGN";
    case ErrorCode::kAddress:
      return "ERR_VFIO_ADDRESS";
    case ErrorCode::kNotViable:
      return "ERR_VFIO_NOT_VIABLE";
    case ErrorCode::kNoIommu:
      return "ERR_VFIO_NO_IOMMU";
    case ErrorCode::kNoDevice:
      return "ERR_VFIO_NO_DEVICE";
    case ErrorCode::kUnsupported:
      return "ERR_VFIO_UNSUPPORTED";
    case ErrorCode::kBus:
      return "ERR_VFIO_BUS";
    case ErrorCode::kBusMaster:
      return "ERR_VFIO_BUS_MASTER";
    case ErrorCode::kLost:
      return "ERR_VFIO_LOST";
    case ErrorCode::kWrongThread:
      return "ERR_VFIO_WRONG_THREAD";
    case ErrorCode::kProtocol:
      return "ERR_VFIO_PROTOCOL";
    case ErrorCode::kDuplicate:
      return "ERR_VFIO_DUPLICATE";
  }
  return "ERR_VFIO_UNSUPPORTED";
}

}  // namespace vfio
