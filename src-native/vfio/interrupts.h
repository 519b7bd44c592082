// SPDX-License-Identifier: MIT
// The interrupts of an open function: the vectors that it has, and those that are armed.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sys/unique_fd.h"
#include "vfio/backend.h"
#include "vfio/command_register.h"
#include "vfio/gate.h"

namespace vfio {

/// Owned by a Function, whose gate, back end and command register outlive it. Only the vectors of
/// one interrupt index can be armed at a time. Until INTx is armed, the command register masks it.
class Interrupts final {
 public:
  Interrupts(Gate& gate, FunctionBackend& backend, CommandRegister& command)
      : gate_(gate), backend_(backend), command_(command) {}
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  /// nullopt if the device has no interrupts of this type.
  const std::optional<IrqInfo>& info(std::uint32_t index) const;

  // Thread-safe: each method takes the locks of the gate that it needs.

  /// Arms vectors 0 .. n-1 of one interrupt index with eventfds. The caller owns the eventfds and
  /// must keep them open until disarm. Throws Error kUnsupported, kRange or kBusMaster, and kBusy
  /// if an index is armed already.
  void arm(std::uint32_t index, const std::vector<sys::UniqueFd>& eventfds);
  /// Does nothing if `index` is not armed. If the kernel refuses, this throws, and the vectors are
  /// discarded.
  void disarm(std::uint32_t index);
  void trigger(std::uint32_t index, std::uint32_t vector);
  void mask_intx(bool masked);

  // For Function, which holds Gate::Change or Gate::Stop, or is the only user (at open and
  // release).

  void read_info(std::uint32_t count);
  /// The armed vectors have no owner any longer. Disarms them now or, if the kernel refuses, at the
  /// next call of disarm_discarded() or arm().
  void discard() noexcept;
  void disarm_discarded() noexcept;

 private:
  void check_vectors(std::uint32_t index, std::size_t count) const;
  void disarm_now(std::uint32_t index);

  Gate& gate_;
  FunctionBackend& backend_;
  CommandRegister& command_;
  std::vector<std::optional<IrqInfo>> infos_;
  // Under Gate::Change or Gate::Stop.
  std::optional<std::uint32_t> armed_;
  bool discarded_ = false;  // the armed vectors have no owner and are not disarmed yet
};

}  // namespace vfio
