// SPDX-License-Identifier: MIT
// The library's own failures, as data: lib/errors.ts makes the JavaScript error and its hint of
// them. Failed system calls are sys::SysError.
#pragma once

#include <exception>
#include <string>
#include <utility>

namespace vfio {

/// Each is ERR_VFIO_<NAME> in JavaScript (see error_code_name).
enum class ErrorCode {
  kClosed,
  kBusy,
  kRange,
  kAlign,
  kAddress,
  kNotViable,
  kNoIommu,
  kNoDevice,
  kUnsupported,
  kBus,
  kBusMaster,
  kLost,
  kWrongThread,
  kProtocol,
  kDuplicate,
};

const char* error_code_name(ErrorCode code) noexcept;

class Error final : public std::exception {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}
  ErrorCode code() const noexcept { return code_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  ErrorCode code_;
  std::string message_;
};

}  // namespace vfio
