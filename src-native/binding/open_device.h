// SPDX-License-Identifier: MIT
// A function that one env has open. It holds the function itself, the thread for its slow calls,
// and the handles and watchers of this env. It closes in two halves: cut() on the env's thread,
// release on the service thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "binding/environment.h"
#include "binding/grant.h"
#include "binding/poll.h"
#include "binding/service_thread.h"
#include "binding/slots.h"
#include "vfio/function.h"
#include "vfio/irq_set.h"

namespace vfio::binding {

class VectorPolls;

class OpenDevice final : public std::enable_shared_from_this<OpenDevice> {
 public:
  OpenDevice(Environment& environment, std::shared_ptr<Function> function,
             std::shared_ptr<ServiceThread> service)
      : environment_(environment), function_(std::move(function)), service_(std::move(service)) {}

  const std::shared_ptr<Function>& function() const noexcept { return function_; }
  ServiceThread& service() noexcept { return *service_; }
  /// Call it after the last job: the thread then ends.
  void end_service() noexcept { service_.reset(); }

  /// Returns a handle for a region, valid until cut().
  Handle acquire(std::uint32_t region);

  /// Arms vectors and returns them with the watchers of this env. They are closed before a reset
  /// and by cut().
  std::shared_ptr<VectorPolls> enable_interrupts(std::uint32_t index, std::uint32_t count);
  void close_interrupts() noexcept;

  /// Watches for requests and faults. This does not keep the process alive.
  void watch_changes(std::function<void(Change)> on_change);

  /// Like Function::watch_hot_resets, but calls back on the event loop of this env.
  void watch_hot_resets(std::function<void(bool over)> on_hot_reset);

  /// The grants of this device, which cut() revokes.
  Loans& loans() noexcept { return loans_; }

  /// At once: from now on, there is no access, callback or interrupt.
  void cut() noexcept;
  /// Called when the env ends: cuts, and releases on the service thread. Nothing waits for it.
  /// `held` is freed after the release.
  void close_in_background(std::shared_ptr<void> held) noexcept;

 private:
  Environment& environment_;
  const std::shared_ptr<Function> function_;
  std::shared_ptr<ServiceThread> service_;
  std::vector<Handle> handles_;
  std::shared_ptr<VectorPolls> interrupts_;
  std::unique_ptr<Poll> changes_;
  std::function<void(bool)> on_hot_reset_;  // belongs to this env only: no other thread keeps it
  Loans loans_;
};

}  // namespace vfio::binding
