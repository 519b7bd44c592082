// SPDX-License-Identifier: MIT
#include "binding/access.h"

#include "sys/errors.h"

namespace vfio::binding {

namespace {

template <typename Access>
std::int32_t through_backend(Access&& access) noexcept {
  try {
    access();
    return kNone;
  } catch (const Error& error) {
    return failure_of(error.code());
  } catch (const sys::SysError& error) {
    return kSystem - error.error();
  } catch (...) {
    return failure_of(ErrorCode::kUnsupported);
  }
}

}  // namespace

std::int32_t backend_read(Slot& slot, std::uint64_t offset, unsigned width,
                          std::uint64_t& value) noexcept {
  return through_backend(
      [&] { value = slot.function->regions().read(slot.region, offset, width); });
}

std::int32_t backend_write(Slot& slot, std::uint64_t offset, unsigned width,
                           std::uint64_t value) noexcept {
  return through_backend(
      [&] { slot.function->regions().write(slot.region, offset, width, value); });
}

}  // namespace vfio::binding
