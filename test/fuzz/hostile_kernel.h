// SPDX-License-Identifier: MIT
// A kernel that answers with the bytes of a fuzzer's input: ioctls, reads of a device's file, and
// links. Everything opens, and descriptors are real ones. Linked as the table of system calls.
#pragma once

#include "input.h"

namespace vfio::fuzz {

/// From now on answers come from `input`, which has to stay until the next call.
void answer_from(Input& input);

}  // namespace vfio::fuzz
