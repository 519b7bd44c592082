// SPDX-License-Identifier: MIT
// Steps on the way out: every one is tried, whatever became of the one before.
#pragma once

#include <exception>

namespace vfio {

template <typename Step>
void attempt(Step&& step) noexcept {
  try {
    step();
  } catch (const std::exception&) {
  }
}

}  // namespace vfio
