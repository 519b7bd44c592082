// SPDX-License-Identifier: MIT
#include "vfio/interrupts.h"

#include <string>

#include "uapi/vfio.h"
#include "vfio/attempt.h"
#include "vfio/errors.h"

namespace vfio {

namespace {

/// A request without data.
IrqRequest bare_request(std::uint32_t index, std::uint32_t start, std::uint32_t count,
                        IrqRequest::Action action) {
  return {.index = index,
          .start = start,
          .count = count,
          .data = IrqRequest::Data::kNone,
          .action = action,
          .fds = {}};
}

IrqRequest arming_request(std::uint32_t index, const std::vector<sys::UniqueFd>& eventfds) {
  IrqRequest request{.index = index,
                     .start = 0,
                     .count = static_cast<std::uint32_t>(eventfds.size()),
                     .data = IrqRequest::Data::kEventFd,
                     .action = IrqRequest::Action::kTrigger,
                     .fds = {}};
  for (const sys::UniqueFd& eventfd : eventfds) request.fds.push_back(eventfd.get());
  return request;
}

}  // namespace

void Interrupts::read_info(std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) infos_.push_back(backend_.irq(i));
}

const std::optional<IrqInfo>& Interrupts::info(std::uint32_t index) const {
  static const std::optional<IrqInfo> absent;
  return index < infos_.size() ? infos_[index] : absent;
}

void Interrupts::check_vectors(std::uint32_t index, std::size_t count) const {
  const auto& known = info(index);
  if (!known || known->count == 0) {
    throw Error(ErrorCode::kUnsupported, gate_.name() + " has no interrupts of this type");
  }
  if (count == 0 || count > known->count) {
    throw Error(ErrorCode::kRange, gate_.name() + " has " + std::to_string(known->count) +
                                       " vectors of this type, not " + std::to_string(count));
  }
  if (armed_ && !discarded_) {
    throw Error(ErrorCode::kBusy, "interrupts of " + gate_.name() +
                                      " are enabled already; close that interrupt set first");
  }
  if (index != VFIO_PCI_INTX_IRQ_INDEX && !command_.bus_master()) {
    throw Error(ErrorCode::kBusMaster,
                gate_.name() + " cannot raise MSI or MSI-X while bus master is off");
  }
}

void Interrupts::arm(std::uint32_t index, const std::vector<sys::UniqueFd>& eventfds) {
  const auto change = gate_.change();
  check_vectors(index, eventfds.size());
  if (discarded_) disarm_now(*armed_);

  const int available = backend_.set_irqs(arming_request(index, eventfds));
  if (available > 0) {
    throw Error(ErrorCode::kUnsupported, "only " + std::to_string(available) + " of " +
                                             std::to_string(eventfds.size()) +
                                             " vectors are available; ask for at most that many");
  }
  armed_ = index;
  if (index != VFIO_PCI_INTX_IRQ_INDEX) return;
  try {
    command_.unmask_intx();
  } catch (...) {
    discard();
    throw;
  }
}

void Interrupts::disarm(std::uint32_t index) {
  const auto change = gate_.change_in_any_state();
  // After close, the release of the function disarms the vectors, without a lock.
  const State state = gate_.state();
  if (state == State::kClosed || armed_ != index) return;
  discarded_ = true;
  // While the function is busy, its reset disarms the vectors.
  if (state == State::kLive) disarm_now(index);
}

void Interrupts::discard() noexcept {
  if (!armed_) return;
  discarded_ = true;
  attempt([&] { disarm_now(*armed_); });
}

void Interrupts::disarm_discarded() noexcept {
  if (discarded_) discard();
}

/// Runs every step, and throws the first failure.
void Interrupts::disarm_now(std::uint32_t index) {
  const bool intx = index == VFIO_PCI_INTX_IRQ_INDEX;
  Attempts steps;
  if (intx) steps.add([&] { command_.mask_intx(); });
  steps.add([&] {
    backend_.set_irqs(bare_request(index, 0, 0, IrqRequest::Action::kTrigger));
    armed_.reset();
    discarded_ = false;
  });
  if (!intx) steps.add([&] { command_.force_intx_mask(); });
  steps.throw_first_failure();
}

void Interrupts::trigger(std::uint32_t index, std::uint32_t vector) {
  const auto use = gate_.use();
  backend_.set_irqs(bare_request(index, vector, 1, IrqRequest::Action::kTrigger));
}

void Interrupts::mask_intx(bool masked) {
  const auto use = gate_.use();
  backend_.set_irqs(bare_request(VFIO_PCI_INTX_IRQ_INDEX, 0, 1,
                                 masked ? IrqRequest::Action::kMask : IrqRequest::Action::kUnmask));
}

}  // namespace vfio
