// SPDX-License-Identifier: MIT
// The bytes of a fuzzer's input, taken from the front; what is missing reads as zeros.
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
    const std::size_t there = std::min(size, rest_.size());
    std::memset(target, 0, size);
    if (there > 0) std::memcpy(target, rest_.data(), there);
    rest_ = rest_.subspan(there);
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

/// What has to hold whatever the input was.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::abort();
}

/// Runs `action`, which may refuse its input in the two ways that the library knows; anything else
/// that it throws ends the fuzzer. Whether it went through.
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
