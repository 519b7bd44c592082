// SPDX-License-Identifier: MIT
// The library's own failures, as data. The facade makes JavaScript errors of them (lib/errors.ts)
// and adds the hints (lib/diagnose). Failed system calls are sys::SysError.
#pragma once

#include <exception>
#include <string>
#include <utility>

namespace vfio {

/// Every code, with the name that follows ERR_VFIO_ in JavaScript. A register access reports one of
/// the first eight by its position in this list (see binding/access.h), so they must keep their
/// positions.
#define VFIO_ERROR_CODES(CODE)       \
  CODE(kClosed, "CLOSED")            \
  CODE(kBusy, "BUSY")                \
  CODE(kLost, "LOST")                \
  CODE(kBus, "BUS")                  \
  CODE(kRange, "RANGE")              \
  CODE(kAlign, "ALIGN")              \
  CODE(kWrongThread, "WRONG_THREAD") \
  CODE(kUnsupported, "UNSUPPORTED")  \
  CODE(kAddress, "ADDRESS")          \
  CODE(kNotViable, "NOT_VIABLE")     \
  CODE(kNoIommu, "NO_IOMMU")         \
  CODE(kNoDevice, "NO_DEVICE")       \
  CODE(kBusMaster, "BUS_MASTER")     \
  CODE(kProtocol, "PROTOCOL")        \
  CODE(kDuplicate, "DUPLICATE")

enum class ErrorCode {
#define VFIO_ENUMERATOR(code, name) code,
  VFIO_ERROR_CODES(VFIO_ENUMERATOR)
#undef VFIO_ENUMERATOR
};

/// ERR_VFIO_CLOSED and so on.
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
