// SPDX-License-Identifier: MIT
// The type1 back end: a container, and the groups that were put into it.
#pragma once

#include <memory>
#include <optional>

#include "sys/file.h"
#include "vfio/backend.h"

namespace vfio {

/// Opens a container, or takes one that was opened elsewhere and is empty. Throws Error
/// kUnsupported or kNoIommu when the kernel does not speak type1v2.
std::unique_ptr<AddressSpaceBackend> open_type1(std::optional<sys::Duplicate> opened = {});

}  // namespace vfio
