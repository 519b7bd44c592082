// SPDX-License-Identifier: MIT
#include "vfio/kernel_info.h"

#include "sys/file.h"
#include "vfio/errors.h"

namespace vfio {

namespace {

/// The longest chains there are take some hundred bytes, and the second answer is the last. What
/// wants more has gone wrong.
constexpr std::size_t kLongest = std::size_t{1} << 20;
constexpr int kAttempts = 8;

std::vector<std::uint8_t> repeat(std::span<const std::uint8_t> question, std::uint32_t argsz) {
  std::vector<std::uint8_t> buffer(question.begin(), question.end());
  buffer.resize(argsz);
  std::memcpy(buffer.data(), &argsz, sizeof argsz);  // argsz leads every one of these structs
  return buffer;
}

}  // namespace

std::vector<std::uint8_t> read_info(const sys::UniqueFd& fd, unsigned long request,
                                    std::span<const std::uint8_t> question, const char* name,
                                    const std::string& path) {
  auto argsz = static_cast<std::uint32_t>(question.size());
  for (int attempt = 0; attempt < kAttempts && argsz <= kLongest; ++attempt) {
    std::vector<std::uint8_t> buffer = repeat(question, argsz);
    sys::control(fd, request, buffer.data(), name, path);
    std::memcpy(&argsz, buffer.data(), sizeof argsz);
    if (argsz <= buffer.size()) return buffer;
  }
  throw Error(ErrorCode::kProtocol, std::string(name) + " asks for more and more space");
}

}  // namespace vfio
