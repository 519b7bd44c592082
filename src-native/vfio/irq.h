// SPDX-License-Identifier: MIT
// The armed vectors of one interrupt index of a function, an eventfd each. Disarmed by close(), or
// by the function's own reset and release; the eventfds live as long as the object, because
// somebody may still be polling them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sys/unique_fd.h"
#include "vfio/function.h"

namespace vfio {

class IrqSet final {
 public:
  /// Makes the eventfds and arms them; see Function::arm for what it throws.
  IrqSet(std::shared_ptr<Function> function, std::uint32_t index, std::uint32_t count);
  ~IrqSet();
  IrqSet(const IrqSet&) = delete;
  IrqSet& operator=(const IrqSet&) = delete;

  std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(eventfds_.size()); }
  int eventfd(std::uint32_t vector) const { return eventfds_.at(vector).get(); }
  void trigger(std::uint32_t vector) { function_->trigger(index_, vector); }
  void mask_intx(bool masked) { function_->mask_intx(masked); }

  /// Throws sys::SysError when the kernel refuses; the set counts as closed all the same.
  void close();

 private:
  const std::shared_ptr<Function> function_;
  const std::uint32_t index_;
  std::vector<sys::UniqueFd> eventfds_;
  bool closed_ = false;
};

}  // namespace vfio
