// SPDX-License-Identifier: MIT
// The secret that a physical function and its virtual functions share: a UUID. The check is strict,
// because the token becomes part of the name by which a group is asked for a device.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace vfio {

class VfToken final {
 public:
  /// Throws Error kRange. Accepts hexadecimal digits of either case, as the kernel does.
  static VfToken parse(std::string_view text);

  const std::string& text() const noexcept { return text_; }
  bool operator==(const VfToken&) const = default;

 private:
  explicit VfToken(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace vfio
