// SPDX-License-Identifier: MIT
#include "vfio/function.h"

#include <utility>

#include "uapi/vfio.h"
#include "vfio/attempt.h"
#include "vfio/errors.h"

namespace vfio {

std::shared_ptr<Function> Function::open(Registry::Claim claim, OpenRequest request) {
  const std::shared_ptr<AddressSpace> space = claim.space();
  auto backend = space->open(request, claim.group());
  // From here on, the destructor closes everything that was opened, whichever step fails.
  std::shared_ptr<Function> function(
      new Function(std::move(claim), std::move(request.address), std::move(backend)));
  function->read_info();
  function->command_.prepare();
  function->claim_->publish(function);
  return function;
}

Function::Function(Registry::Claim claim, Address address, std::unique_ptr<FunctionBackend> backend)
    : claim_(std::move(claim)),
      address_(std::move(address)),
      backend_(std::move(backend)),
      gate_(address_.text()),
      command_(*backend_),
      interrupts_(gate_, *backend_, command_),
      regions_(gate_, *backend_) {}

Function::~Function() { release(); }

void Function::read_info() {
  info_ = backend_->info();
  regions_.read_info(info_.num_regions);
  interrupts_.read_info(info_.num_irqs);
}

bool Function::bus_master() {
  const auto use = gate_.use();
  return command_.bus_master();
}

void Function::set_bus_master(bool on) {
  const auto change = gate_.change();
  command_.set_bus_master(on);
}

int Function::change_fd() {
  const auto use = gate_.use_in_any_state();
  return gate_.is_closed() ? -1 : backend_->change_fd();
}

Change Function::take_change() {
  const auto use = gate_.use_in_any_state();
  if (gate_.is_closed()) return {};
  Change change = backend_->take_change();
  // The back end may report the loss several times; only the first report is passed on.
  if (change.lost) change.lost = gate_.lose();
  return change;
}

void Function::begin_reset() {
  if ((info_.flags & VFIO_DEVICE_FLAGS_RESET) == 0) {
    gate_.check_live();
    throw Error(ErrorCode::kUnsupported, address() + " has no function-level reset");
  }
  become_busy();
}

void Function::reset() {
  quiesce();
  try {
    backend_->reset();
  } catch (...) {
    end_reset(false);
    throw;
  }
  end_reset(true);
}

void Function::quiesce() noexcept {
  const auto stop = gate_.stop();
  if (gate_.is_closed()) return;
  // Bus master goes off first: a reset clears the rings of the device, but may leave it able to
  // write to memory.
  attempt([&] { command_.silence(); });
  interrupts_.discard();
  regions_.give_up_direct();
}

void Function::end_reset(bool was_reset) {
  Attempts steps;
  steps.add([&] { prepare_again(was_reset); });
  regions_.restore_direct();
  gate_.end_busy();
  steps.throw_first_failure();
}

void Function::prepare_again(bool was_reset) {
  const auto change = gate_.change_in_any_state();
  if (gate_.is_closed()) return;
  // Vectors that the kernel refused to disarm before the reset would block later ones. An interrupt
  // set that was not discarded continues, because then no reset took place.
  interrupts_.disarm_discarded();
  if (was_reset) command_.prepare();
}

std::vector<AffectedFunction> Function::hot_reset_info() {
  const auto use = gate_.use();
  return backend_->hot_reset_info();
}

void Function::watch_hot_resets(std::function<void(bool over)> watcher) {
  const std::lock_guard lock(watcher_mutex_);
  watcher_ = std::move(watcher);
}

void Function::affected_by_hot_reset(bool over) noexcept {
  const std::lock_guard lock(watcher_mutex_);
  if (watcher_) attempt([&] { watcher_(over); });
}

void Function::cut() noexcept {
  gate_.close();
  const auto control = gate_.hold_changes();
  regions_.tombstone();
}

void Function::release() noexcept {
  if (!claim_) return;
  cut();
  gate_.await_last_use();
  attempt([&] { command_.silence(); });
  interrupts_.discard();
  const std::shared_ptr<AddressSpace> space = claim_->space();
  attempt([&] { space->close(std::move(backend_), address_, claim_->group()); });
  claim_.reset();
}

}  // namespace vfio
