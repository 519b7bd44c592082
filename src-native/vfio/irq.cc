// SPDX-License-Identifier: MIT
#include "vfio/irq.h"

#include <string>
#include <utility>

#include "sys/file.h"
#include "vfio/errors.h"

namespace vfio {

namespace {

/// MSI-X allows no more (PCI Local Bus 3.0, 6.8.2), and a wild count is not to open descriptors
/// first.
constexpr std::uint32_t kMostVectors = 2048;

}  // namespace

IrqSet::IrqSet(std::shared_ptr<Function> function, std::uint32_t index, std::uint32_t count)
    : function_(std::move(function)), index_(index) {
  if (count > kMostVectors) {
    throw Error(ErrorCode::kRange, std::to_string(count) + " vectors are more than any device has");
  }
  for (std::uint32_t i = 0; i < count; ++i) eventfds_.push_back(sys::make_eventfd());
  function_->arm(index_, eventfds_);
}

IrqSet::~IrqSet() {
  try {
    close();
  } catch (const std::exception&) {
    // The function's release disarms it again, and then the descriptor closes.
  }
}

void IrqSet::close() {
  if (std::exchange(closed_, true)) return;
  function_->disarm(index_);
}

}  // namespace vfio
