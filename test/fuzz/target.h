// SPDX-License-Identifier: MIT
// What each target is: a function of an input, called as often as there is time for.
#pragma once

#include "input.h"

namespace vfio::fuzz {

void run(Input& input);

}  // namespace vfio::fuzz
