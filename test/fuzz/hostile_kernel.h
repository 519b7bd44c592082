// SPDX-License-Identifier: MIT
// A fake kernel that answers with the bytes of a fuzzer's input: ioctls, reads of a device's file,
// and links. Every open succeeds, and descriptors are real. It is linked as the table of system
// calls.
#pragma once

#include "input.h"

namespace vfio::fuzz {

/// From now on, the answers come from `input`, which must stay valid until the next call.
void answer_from(Input& input);

}  // namespace vfio::fuzz
