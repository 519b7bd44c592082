// SPDX-License-Identifier: MIT
// Clean-up steps: each one runs, even if an earlier one failed.
#pragma once

#include <exception>

namespace vfio {

/// Runs `step` and ignores any exception.
template <typename Step>
void attempt(Step&& step) noexcept {
  try {
    step();
  } catch (const std::exception&) {
  }
}

/// Runs every step and keeps the first exception.
class Attempts final {
 public:
  template <typename Step>
  void add(Step&& step) noexcept {
    try {
      step();
    } catch (...) {
      if (first_failure_ == nullptr) first_failure_ = std::current_exception();
    }
  }

  void throw_first_failure() const {
    if (first_failure_ != nullptr) std::rethrow_exception(first_failure_);
  }

  bool failed() const noexcept { return first_failure_ != nullptr; }

 private:
  std::exception_ptr first_failure_;
};

}  // namespace vfio
