// SPDX-License-Identifier: MIT
#include "binding/access.h"

#include "sys/errors.h"
#include "vfio/errors.h"

namespace vfio::binding {

namespace {

std::int32_t failure_of(const Error& error) noexcept {
  switch (error.code()) {
    case ErrorCode::kClosed:
      return kClosed;
    case ErrorCode::kBusy:
      return kBusy;
    case ErrorCode::kLost:
      return kLost;
    case ErrorCode::kBus:
      return kBus;
    case ErrorCode::kRange:
      return kRange;
    case ErrorCode::kAlign:
      return kAlign;
    default:
      return kUnsupported;
  }
}

template <typename Access>
std::int32_t through_backend(Access&& access) noexcept {
  try {
    access();
    return kNone;
  } catch (const Error& error) {
    return failure_of(error);
  } catch (const sys::SysError& error) {
    return kSystem - error.error();
  } catch (...) {
    return kUnsupported;
  }
}

}  // namespace

std::int32_t backend_read(Slot& slot, std::uint64_t offset, unsigned width,
                          std::uint64_t& value) noexcept {
  return through_backend([&] { value = slot.function->read(slot.region, offset, width); });
}

std::int32_t backend_write(Slot& slot, std::uint64_t offset, unsigned width,
                           std::uint64_t value) noexcept {
  return through_backend([&] { slot.function->write(slot.region, offset, width, value); });
}

}  // namespace vfio::binding
