// SPDX-License-Identifier: MIT
// Steps on the way out: each is tried, even when one before it failed.
#pragma once

#include <exception>

namespace vfio {

/// Ignores what `step` throws.
template <typename Step>
void attempt(Step&& step) noexcept {
  try {
    step();
  } catch (const std::exception&) {
  }
}

/// Tries every step and keeps what the first that failed threw.
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
