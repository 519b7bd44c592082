// SPDX-License-Identifier: MIT
// The bytes of a fuzzer's input, taken from the front. Missing bytes read as zeros.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>

#include "sys/errors.h"
#include "vfio/errors.h"

namespace vfio::fuzz {

class Input final {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}

  bool empty() const noexcept { return rest_.empty(); }
  std::span<const std::uint8_t> rest() const noexcept { return rest_; }

  /// Fills `size` bytes at `target`.
  void take(void* target, std::size_t size) {
    const std::size_t available = std::min(size, rest_.size());
    std::memset(target, 0, size);
    if (available > 0) std::memcpy(target, rest_.data(), available);
    rest_ = rest_.subspan(available);
  }

  template <typename T>
  T take() {
    T value;
    take(&value, sizeof value);
    return value;
  }

  std::string_view take_text(std::size_t most) {
    const auto text = rest_.first(std::min(most, rest_.size()));
    rest_ = rest_.subspan(text.size());
    return {reinterpret_cast<const char*>(text.data()), text.size()};
  }

 private:
  std::span<const std::uint8_t> rest_;
};

/// Aborts the fuzzer if a property does not hold.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

/// Runs `action`, which may refuse its input with one of the two exceptions of the library. Any
/// other exception ends the fuzzer. Returns whether it succeeded.
template <typename Action>
bool accepted(Action action) {
  try {
    action();
  } catch (const sys::SysError&) {
    return false;
  } catch (const Error&) {
    return false;
  }
  return true;
}

}  // namespace vfio::fuzz
