// SPDX-License-Identifier: MIT
// The interface of a fuzz target: a function of an input, which libFuzzer calls again and again.
#pragma once

#include "input.h"

namespace vfio::fuzz {

void run(Input& input);

}  // namespace vfio::fuzz
