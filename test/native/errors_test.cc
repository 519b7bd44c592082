// SPDX-License-Identifier: MIT
#include "vfio/errors.h"

#include <doctest/doctest.h>

#include <string>

using vfio::ErrorCode;

TEST_CASE("each code has the name that JavaScript knows it by") {
  const auto name = [](ErrorCode code) { return std::string(vfio::error_code_name(code)); };
  CHECK(name(ErrorCode::kClosed) == "ERR_VFIO_CLOSED");
  CHECK(name(ErrorCode::kBusy) == "ERR_VFIO_BUSY");
  CHECK(name(ErrorCode::kLost) == "ERR_VFIO_LOST");
  CHECK(name(ErrorCode::kBus) == "ERR_VFIO_BUS");
  CHECK(name(ErrorCode::kRange) == "ERR_VFIO_RANGE");
  CHECK(name(ErrorCode::kAlign) == "ERR_VFIO_ALIGN");
  CHECK(name(ErrorCode::kWrongThread) == "ERR_VFIO_WRONG_THREAD");
  CHECK(name(ErrorCode::kUnsupported) == "ERR_VFIO_UNSUPPORTED");
  CHECK(name(ErrorCode::kAddress) == "ERR_VFIO_ADDRESS");
  CHECK(name(ErrorCode::kNotViable) == "ERR_VFIO_NOT_VIABLE");
  CHECK(name(ErrorCode::kNoIommu) == "ERR_VFIO_NO_IOMMU");
  CHECK(name(ErrorCode::kNoDevice) == "ERR_VFIO_NO_DEVICE");
  CHECK(name(ErrorCode::kBusMaster) == "ERR_VFIO_BUS_MASTER");
  CHECK(name(ErrorCode::kProtocol) == "ERR_VFIO_PROTOCOL");
  CHECK(name(ErrorCode::kDuplicate) == "ERR_VFIO_DUPLICATE");
}
