// SPDX-License-Identifier: MIT
#include "vfio/kernel_info.h"

#include <cerrno>

#include "sys/errors.h"
#include "sys/file.h"
#include "uapi/vfio.h"
#include "vfio/errors.h"

namespace vfio {

namespace {

/// The longest known chains take some hundred bytes, and the second answer is the last. A request
/// for much more is a fault.
constexpr std::size_t kLongest = std::size_t{1} << 20;
constexpr int kAttempts = 8;

Error never_fits(const char* name) {
  return {ErrorCode::kProtocol, std::string(name) + " keeps asking for a larger buffer"};
}

std::vector<std::uint8_t> repeat(std::span<const std::uint8_t> question, std::uint32_t argsz) {
  std::vector<std::uint8_t> buffer(question.begin(), question.end());
  buffer.resize(argsz);
  std::memcpy(buffer.data(), &argsz, sizeof argsz);  // argsz comes first in these structs
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
  throw never_fits(name);
}

std::vector<std::uint8_t> read_hot_reset_info(const sys::UniqueFd& device,
                                              const std::string& path) {
  constexpr const char* kName = "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO";
  std::size_t size = sizeof(vfio_pci_hot_reset_info);
  // The second call normally fits. More are needed if devices are added at the same time.
  for (int attempt = 0; attempt < kAttempts && size <= kLongest; ++attempt) {
    std::vector<std::uint8_t> buffer(size);
    const auto argsz = static_cast<std::uint32_t>(size);
    std::memcpy(buffer.data(), &argsz, sizeof argsz);
    try {
      sys::control(device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, buffer.data(), kName, path);
      return buffer;
    } catch (const sys::SysError& error) {
      if (error.error() == ENODEV) return {};
      if (error.error() != ENOSPC) throw;
    }
    vfio_pci_hot_reset_info answer;
    std::memcpy(&answer, buffer.data(), sizeof answer);
    size = sizeof answer + answer.count * sizeof(vfio_pci_dependent_device);
  }
  throw never_fits(kName);
}

}  // namespace vfio
