// SPDX-License-Identifier: MIT
// The type1 back end: a container and the groups in it.
#pragma once

#include <memory>
#include <optional>

#include "sys/file.h"
#include "vfio/backend.h"

namespace vfio {

/// Opens a container, or uses `opened`, which must be empty of groups. Throws Error kUnsupported or
/// kNoIommu if the kernel does not support type1v2.
std::unique_ptr<AddressSpaceBackend> open_type1(std::optional<sys::Duplicate> opened = {});

}  // namespace vfio
