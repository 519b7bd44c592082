// SPDX-License-Identifier: MIT
// An open PCI function: the native part of a JavaScript Device.
//
// Closing has two halves. cut() is immediate: afterwards, no access reaches the device, and mapped
// registers become anonymous memory. release() blocks and keeps the order that hardware needs: bus
// master off, interrupts off, then it closes the device, its group and the address space.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "sys/unique_fd.h"
#include "vfio/backend.h"
#include "vfio/command_register.h"
#include "vfio/gate.h"
#include "vfio/interrupts.h"
#include "vfio/regions.h"
#include "vfio/registry.h"

namespace vfio {

/// Owns the back end's function, the claim on its group and address space, and its parts, which
/// share its gate (gate.h describes the locks). Thread-safe.
class Function final {
 public:
  /// Opens the function and puts it into its quiet state: memory decode on, bus master off, INTx
  /// masked. Blocks.
  static std::shared_ptr<Function> open(Registry::Claim claim, OpenRequest request);
  ~Function();
  Function(const Function&) = delete;
  Function& operator=(const Function&) = delete;

  const std::string& address() const noexcept { return address_.text(); }
  std::optional<int> group() const noexcept { return claim_->group(); }
  const FunctionInfo& info() const noexcept { return info_; }

  /// Read it before every access. The rest of the access needs no lock while this is kLive.
  const std::atomic<State>& state() const noexcept { return gate_.state(); }

  Regions& regions() noexcept { return regions_; }
  Interrupts& interrupts() noexcept { return interrupts_; }

  bool bus_master();
  void set_bus_master(bool on);

  /// -1 if the back end never reports a change, and after cut().
  int change_fd();
  Change take_change();

  /// Makes the function busy. Throws if it is not live or has no reset of its own. reset() must
  /// follow.
  void begin_reset();
  /// Blocks. Afterwards, the function is in the state after open.
  void reset();

  // The steps of a hot reset, which may reset several functions (see HotReset).
  std::vector<AffectedFunction> hot_reset_info();
  /// Throws if the function is not live. end_reset() must follow.
  void become_busy() { gate_.become_busy(); }
  /// Stops DMA, interrupts, and direct accesses to regions.
  void quiesce() noexcept;
  /// Called on the function whose hot reset was requested. Blocks.
  void hot_reset(const std::vector<sys::UniqueFd>& groups) { backend_->hot_reset(groups); }
  /// Makes the function live again and, if it was reset, puts it into the state after open.
  void end_reset(bool was_reset);

  /// `watcher` is called from any thread when the hot reset of another function also resets this
  /// one: with false when the reset begins, with true when it is over. The next call replaces it,
  /// and null removes it.
  void watch_hot_resets(std::function<void(bool over)> watcher);
  void affected_by_hot_reset(bool over) noexcept;

  void cut() noexcept;
  /// Blocks. Idempotent; after cut().
  void release() noexcept;

 private:
  Function(Registry::Claim claim, Address address, std::unique_ptr<FunctionBackend> backend);

  void read_info();
  void prepare_again(bool was_reset);

  std::optional<Registry::Claim> claim_;  // outlives backend_
  const Address address_;
  std::unique_ptr<FunctionBackend> backend_;  // outlives the parts' last call
  FunctionInfo info_{};

  Gate gate_;
  CommandRegister command_;
  Interrupts interrupts_;
  Regions regions_;

  std::mutex watcher_mutex_;
  std::function<void(bool)> watcher_;
};

}  // namespace vfio
