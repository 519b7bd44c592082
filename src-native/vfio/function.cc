// SPDX-License-Identifier: MIT
#include "vfio/function.h"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <utility>

#include "sys/errors.h"
#include "sys/guarded.h"
#include "uapi/vfio.h"
#include "vfio/attempt.h"
#include "vfio/errors.h"

namespace vfio {

namespace {

// The command register of configuration space (PCI Local Bus 3.0, 6.2.2).
constexpr std::uint64_t kCommand = 0x04;
constexpr std::uint16_t kCommandMemory = 1U << 1;
constexpr std::uint16_t kCommandBusMaster = 1U << 2;
constexpr std::uint16_t kCommandIntxDisable = 1U << 10;

/// The kernel answers EIO for a BAR that cannot be reached, as it raises SIGBUS for a mapped one.
[[noreturn]] void rethrow_access(const sys::SysError& failure, std::uint32_t region) {
  if (failure.error() == EIO && region != VFIO_PCI_CONFIG_REGION_INDEX) {
    throw Error(ErrorCode::kBus, "the device did not answer");
  }
  throw failure;
}

}  // namespace

std::shared_ptr<Function> Function::open(Registry::Claim claim, OpenRequest request) {
  const std::shared_ptr<AddressSpace> space = claim.space();
  auto backend = space->open(request, claim.group());
  // From here on the destructor closes what was opened, whichever step fails.
  std::shared_ptr<Function> function(
      new Function(std::move(claim), std::move(request.address), std::move(backend)));
  function->read_info();
  function->quiet();
  function->claim_->publish(function);
  return function;
}

Function::Function(Registry::Claim claim, Address address, std::unique_ptr<FunctionBackend> backend)
    : claim_(std::move(claim)), address_(std::move(address)), backend_(std::move(backend)) {}

Function::~Function() { release(); }

void Function::read_info() {
  info_ = backend_->info();
  for (std::uint32_t i = 0; i < info_.num_regions; ++i) regions_.push_back(backend_->region(i));
  for (std::uint32_t i = 0; i < info_.num_irqs; ++i) irqs_.push_back(backend_->irq(i));
}

const std::optional<RegionInfo>& Function::region(std::uint32_t index) const {
  static const std::optional<RegionInfo> absent;
  return index < regions_.size() ? regions_[index] : absent;
}

const std::optional<IrqInfo>& Function::irq(std::uint32_t index) const {
  static const std::optional<IrqInfo> absent;
  return index < irqs_.size() ? irqs_[index] : absent;
}

/// What every driver finds after open and after reset, on every back end.
void Function::quiet() {
  change_command(kCommandMemory, kCommandBusMaster);
  mask_intx_line();
}

void Function::check_live() const {
  switch (state_.load(std::memory_order_acquire)) {
    case State::kLive:
      return;
    case State::kBusy:
      throw Error(ErrorCode::kBusy, address() + " is being reset");
    case State::kLost:
      throw Error(ErrorCode::kLost, address() + " is gone");
    case State::kClosed:
      throw Error(ErrorCode::kClosed, address() + " is closed");
  }
}

void Function::become(State to_leave, State next) noexcept {
  state_.compare_exchange_strong(to_leave, next);
}

std::optional<sys::Mapping> Function::map(std::uint32_t index, Area area) {
  const auto& info = region(index);
  // A store to memory mapped for reading only would be a signal of another kind.
  constexpr std::uint32_t kBothWays = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
  if (!info || (info->flags & kBothWays) != kBothWays) return std::nullopt;
  sys::install_bus_error_handler();
  return backend_->map(*info, area);
}

Window Function::window(std::uint32_t index) {
  const std::lock_guard control(control_);
  const std::shared_lock in_use(in_use_);
  check_live();
  if (const auto found = windows_.find(index); found != windows_.end()) return found->second.window;
  const auto& info = region(index);
  if (!info || info->mappable.empty()) return {};

  const Area area =
      *std::max_element(info->mappable.begin(), info->mappable.end(),
                        [](const Area& left, const Area& right) { return left.size < right.size; });
  auto mapping = map(index, area);
  if (!mapping) return {};
  const Window window{mapping->data() - area.begin, area.begin, area.begin + area.size};
  windows_.emplace(index, MappedWindow{std::move(*mapping), window});
  return window;
}

Doorbell Function::doorbell(std::uint32_t index, std::uint64_t offset) {
  const std::lock_guard control(control_);
  const std::shared_lock in_use(in_use_);
  check_live();
  const auto& info = region(index);
  if (!info) return {};
  return doorbells_.at(*info, offset,
                       [this](std::uint32_t region, Area area) { return map(region, area); });
}

void Function::restore_doorbells() noexcept {
  const std::lock_guard control(control_);
  const std::shared_lock in_use(in_use_);
  if (state_.load(std::memory_order_acquire) == State::kClosed) return;
  attempt([this] {
    doorbells_.restore([this](std::uint32_t region, Area area) { return map(region, area); });
  });
}

std::uint64_t Function::read(std::uint32_t region, std::uint64_t offset, unsigned width) {
  const std::shared_lock in_use(in_use_);
  check_live();
  try {
    return backend_->read(region, offset, width);
  } catch (const sys::SysError& failure) {
    rethrow_access(failure, region);
  }
}

void Function::write(std::uint32_t region, std::uint64_t offset, unsigned width,
                     std::uint64_t value) {
  {
    const std::shared_lock in_use(in_use_);
    check_live();
    try {
      backend_->write(region, offset, width, value);
    } catch (const sys::SysError& failure) {
      rethrow_access(failure, region);
    }
  }
  // Memory decode may be on again, or the device awake.
  if (region == VFIO_PCI_CONFIG_REGION_INDEX) restore_doorbells();
}

std::uint16_t Function::command() {
  return static_cast<std::uint16_t>(backend_->read(VFIO_PCI_CONFIG_REGION_INDEX, kCommand, 2));
}

void Function::set_command(std::uint16_t value) {
  backend_->write(VFIO_PCI_CONFIG_REGION_INDEX, kCommand, 2, value);
}

void Function::change_command(std::uint16_t set, std::uint16_t clear) {
  set_command(static_cast<std::uint16_t>((command() | set) & ~clear));
}

bool Function::bus_master() {
  const std::shared_lock in_use(in_use_);
  check_live();
  return (command() & kCommandBusMaster) != 0;
}

void Function::set_bus_master(bool on) {
  const std::lock_guard control(control_);
  const std::shared_lock in_use(in_use_);
  check_live();
  change_command(on ? kCommandBusMaster : 0, on ? 0 : kCommandBusMaster);
}

void Function::check_vectors(std::uint32_t index, std::size_t count) {
  const auto& info = irq(index);
  if (!info || info->count == 0) {
    throw Error(ErrorCode::kUnsupported, address() + " has no interrupts of this kind");
  }
  if (count == 0 || count > info->count) {
    throw Error(ErrorCode::kRange, address() + " has " + std::to_string(info->count) +
                                       " vectors of this kind, not " + std::to_string(count));
  }
  if (armed_ && !abandoned_) {
    throw Error(ErrorCode::kBusy, "interrupts of " + address() +
                                      " are enabled already; close that interrupt set first");
  }
  if (index != VFIO_PCI_INTX_IRQ_INDEX && (command() & kCommandBusMaster) == 0) {
    throw Error(ErrorCode::kBusMaster,
                address() + " cannot raise MSI or MSI-X while bus master is off");
  }
}

void Function::arm(std::uint32_t index, const std::vector<sys::UniqueFd>& eventfds) {
  const std::lock_guard control(control_);
  const std::shared_lock in_use(in_use_);
  check_live();
  check_vectors(index, eventfds.size());
  if (abandoned_) disarm_now(*armed_);

  IrqRequest request{.index = index,
                     .start = 0,
                     .count = static_cast<std::uint32_t>(eventfds.size()),
                     .data = IrqRequest::Data::kEventFd,
                     .action = IrqRequest::Action::kTrigger,
                     .fds = {}};
  for (const sys::UniqueFd& eventfd : eventfds) request.fds.push_back(eventfd.get());

  const int available = backend_->set_irqs(request);
  if (available > 0) {
    throw Error(ErrorCode::kUnsupported, "only " + std::to_string(available) + " of " +
                                             std::to_string(eventfds.size()) +
                                             " vectors could be had; ask for no more than that");
  }
  armed_ = index;
  if (index != VFIO_PCI_INTX_IRQ_INDEX) return;
  // INTx has been masked in the command register since open.
  try {
    change_command(0, kCommandIntxDisable);
  } catch (...) {
    abandon();
    throw;
  }
}

void Function::disarm(std::uint32_t index) {
  const std::lock_guard control(control_);
  const std::shared_lock in_use(in_use_);
  const State state = state_.load(std::memory_order_acquire);
  // release() disarms it, and asks for no lock by then.
  if (state == State::kClosed || armed_ != index) return;
  abandoned_ = true;
  // When the function is busy, quiesce() or end_reset() does it.
  if (state == State::kLive) disarm_now(index);
}

/// Disarms what nobody wants any more, now or, when the kernel refuses, at the next occasion.
void Function::abandon() noexcept {
  if (!armed_) return;
  abandoned_ = true;
  attempt([&] { disarm_now(*armed_); });
}

/// Every step is tried, and what failed first is thrown.
void Function::disarm_now(std::uint32_t index) {
  std::exception_ptr failure;
  const auto try_to = [&failure](auto&& step) {
    try {
      step();
    } catch (const std::exception&) {
      if (!failure) failure = std::current_exception();
    }
  };
  const bool intx = index == VFIO_PCI_INTX_IRQ_INDEX;
  if (intx) try_to([this] { change_command(kCommandIntxDisable, 0); });
  try_to([this, index] {
    backend_->set_irqs({.index = index,
                        .start = 0,
                        .count = 0,
                        .data = IrqRequest::Data::kNone,
                        .action = IrqRequest::Action::kTrigger,
                        .fds = {}});
    armed_.reset();
    abandoned_ = false;
  });
  if (!intx) try_to([this] { mask_intx_line(); });
  if (failure) std::rethrow_exception(failure);
}

/// The kernel enables INTx in the device when it disables MSI, behind the register that it shows;
/// and it carries out changes of that register only.
void Function::mask_intx_line() {
  change_command(0, kCommandIntxDisable);
  change_command(kCommandIntxDisable, 0);
}

void Function::trigger(std::uint32_t index, std::uint32_t vector) {
  const std::shared_lock in_use(in_use_);
  check_live();
  backend_->set_irqs({.index = index,
                      .start = vector,
                      .count = 1,
                      .data = IrqRequest::Data::kNone,
                      .action = IrqRequest::Action::kTrigger,
                      .fds = {}});
}

void Function::mask_intx(bool masked) {
  const std::shared_lock in_use(in_use_);
  check_live();
  backend_->set_irqs({.index = VFIO_PCI_INTX_IRQ_INDEX,
                      .start = 0,
                      .count = 1,
                      .data = IrqRequest::Data::kNone,
                      .action = masked ? IrqRequest::Action::kMask : IrqRequest::Action::kUnmask,
                      .fds = {}});
}

int Function::change_fd() {
  const std::shared_lock in_use(in_use_);
  return state_.load(std::memory_order_acquire) == State::kClosed ? -1 : backend_->change_fd();
}

Change Function::take_change() {
  const std::shared_lock in_use(in_use_);
  if (state_.load(std::memory_order_acquire) == State::kClosed) return {};
  Change change = backend_->take_change();
  if (change.lost) {
    // Whoever asks again finds it out again; it is told once.
    change.lost = !lost_.exchange(true);
    become(State::kLive, State::kLost);
  }
  return change;
}

void Function::begin_reset() {
  if ((info_.flags & VFIO_DEVICE_FLAGS_RESET) == 0) {
    check_live();
    throw Error(ErrorCode::kUnsupported, address() + " has no function-level reset");
  }
  become_busy();
}

void Function::become_busy() {
  // Again when another reset has just ended: it was busy, and is live when check_live looks.
  for (State expected = State::kLive; !state_.compare_exchange_strong(expected, State::kBusy);
       expected = State::kLive) {
    check_live();
  }
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

/// The device forgets its rings but not its right to write to memory, so that goes first.
void Function::quiesce() noexcept {
  const std::lock_guard control(control_);
  const std::lock_guard others_done(in_use_);
  if (state_.load(std::memory_order_acquire) == State::kClosed) return;
  attempt([&] { change_command(kCommandIntxDisable, kCommandBusMaster); });
  abandon();
  doorbells_.give_up();
}

void Function::end_reset(bool was_reset) {
  const auto live_again = [this] {
    restore_doorbells();
    become(State::kBusy, State::kLive);
    // Lost meanwhile, which take_change could not say while it was busy.
    if (lost_) become(State::kLive, State::kLost);
  };
  try {
    const std::lock_guard control(control_);
    const std::shared_lock in_use(in_use_);
    const bool open = state_.load(std::memory_order_acquire) != State::kClosed;
    // What the kernel refused before the reset would be in the way for ever. An interrupt set that
    // was not quieted, as nothing came of the reset, goes on.
    if (open && abandoned_) abandon();
    if (was_reset && open) quiet();
  } catch (...) {
    live_again();
    throw;
  }
  live_again();
}

std::vector<AffectedFunction> Function::hot_reset_info() {
  const std::shared_lock in_use(in_use_);
  check_live();
  return backend_->hot_reset_info();
}

void Function::watch_hot_resets(std::function<void(bool over)> watcher) {
  const std::lock_guard watching(watching_);
  watcher_ = std::move(watcher);
}

void Function::taken_along(bool over) noexcept {
  const std::lock_guard watching(watching_);
  if (watcher_) attempt([&] { watcher_(over); });
}

void Function::cut() noexcept {
  state_.store(State::kClosed, std::memory_order_release);
  const std::lock_guard control(control_);
  for (auto& [index, window] : windows_) window.mapping.tombstone();
  doorbells_.tombstone();
}

void Function::release() noexcept {
  if (!claim_) return;
  cut();
  // Whoever passed the state check before the cut is waited for.
  { const std::lock_guard others_done(in_use_); }
  attempt([&] { change_command(kCommandIntxDisable, kCommandBusMaster); });
  abandon();
  const std::shared_ptr<AddressSpace> space = claim_->space();
  attempt([&] { space->close(std::move(backend_), address_, claim_->group()); });
  claim_.reset();
}

}  // namespace vfio
