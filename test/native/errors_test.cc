// SPDX-License-Identifier: MIT
#include "vfio/errors.h"

#include <doctest/doctest.h>

#include <string>

using vfio::ErrorCode;

TEST_CASE("each code has the name that JavaScript knows it by") {
  const auto name = [](ErrorCode code) { return std::string(vfio::error_code_name(code)); };
  CHECK(name(ErrorCode::kClosed) == "ERR_VFIO_CLOSED");
  CHECK(name(ErrorCode::kNoIommu) == "ERR_VFIO_NO_IOMMU");
  CHECK(name(ErrorCode::kDuplicate) == "ERR_VFIO_DUPLICATE");
}
