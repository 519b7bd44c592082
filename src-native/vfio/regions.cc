// SPDX-License-Identifier: MIT
#include "vfio/regions.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "sys/errors.h"
#include "sys/guarded.h"
#include "uapi/vfio.h"
#include "vfio/attempt.h"
#include "vfio/errors.h"

namespace vfio {

namespace {

/// The kernel answers EIO for a BAR that it cannot reach. A mapped BAR raises SIGBUS in the same
/// case.
[[noreturn]] void rethrow_access(const sys::SysError& failure, std::uint32_t index) {
  if (failure.error() == EIO && index != VFIO_PCI_CONFIG_REGION_INDEX) {
    throw Error(ErrorCode::kBus, "the device did not answer");
  }
  throw failure;
}

Area largest_of(const std::vector<Area>& areas) {
  return *std::max_element(areas.begin(), areas.end(), [](const Area& left, const Area& right) {
    return left.size < right.size;
  });
}

}  // namespace

Regions::Regions(Gate& gate, FunctionBackend& backend)
    : gate_(gate),
      backend_(backend),
      direct_([this](std::uint32_t index, Area area) { return map(index, area); }) {}

void Regions::read_info(std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) infos_.push_back(backend_.region(i));
}

const std::optional<RegionInfo>& Regions::info(std::uint32_t index) const {
  static const std::optional<RegionInfo> absent;
  return index < infos_.size() ? infos_[index] : absent;
}

std::optional<sys::Mapping> Regions::map(std::uint32_t index, Area area) {
  const auto& known = info(index);
  // A store to memory that is mapped only for reading raises a signal other than SIGBUS.
  constexpr std::uint32_t kBothWays = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
  if (!known || (known->flags & kBothWays) != kBothWays) return std::nullopt;
  sys::install_bus_error_handler();
  return backend_.map(*known, area);
}

Window Regions::window(std::uint32_t index) {
  const auto change = gate_.change();
  if (const auto found = windows_.find(index); found != windows_.end()) return found->second.window;
  const auto& known = info(index);
  if (!known || known->mappable.empty()) return {};

  const Area area = largest_of(known->mappable);
  auto mapping = map(index, area);
  if (!mapping) return {};
  const Window window{mapping->data() - area.begin, area.begin, area.begin + area.size};
  windows_.emplace(index, MappedWindow{std::move(*mapping), window});
  return window;
}

DirectPart Regions::direct(std::uint32_t index, Area part) {
  const auto change = gate_.change();
  const auto& known = info(index);
  if (!known) return {};
  return direct_.at(*known, part);
}

void Regions::restore_direct() noexcept {
  const auto change = gate_.change_in_any_state();
  if (gate_.is_closed()) return;
  direct_.restore();
}

std::uint64_t Regions::read(std::uint32_t index, std::uint64_t offset, unsigned width) {
  const auto use = gate_.use();
  try {
    return backend_.read(index, offset, width);
  } catch (const sys::SysError& failure) {
    rethrow_access(failure, index);
  }
}

void Regions::write(std::uint32_t index, std::uint64_t offset, unsigned width,
                    std::uint64_t value) {
  {
    const auto use = gate_.use();
    try {
      backend_.write(index, offset, width, value);
    } catch (const sys::SysError& failure) {
      rethrow_access(failure, index);
    }
  }
  // The write may have turned memory decode on, or woken the device up.
  if (index == VFIO_PCI_CONFIG_REGION_INDEX) restore_direct();
}

void Regions::tombstone() noexcept {
  for (auto& [index, window] : windows_) window.mapping.tombstone();
  direct_.tombstone();
}

}  // namespace vfio
