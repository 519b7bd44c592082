// SPDX-License-Identifier: MIT
#include "vfio/vf_token.h"

#include "vfio/errors.h"

namespace vfio {

namespace {

constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

constexpr bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

constexpr bool is_uuid(std::string_view text) {
  if (text.size() != kForm.size()) return false;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] == '-' ? text[i] != '-' : !is_hex(text[i])) return false;
  }
  return true;
}

}  // namespace

// The message does not repeat the text, which is a secret.
VfToken VfToken::parse(std::string_view text) {
  if (!is_uuid(text)) throw Error(ErrorCode::kRange, "Expected a UUID as the VF token");
  return VfToken(std::string(text));
}

}  // namespace vfio
