// SPDX-License-Identifier: MIT
// One open PCI function with its state, its mapped regions and its interrupts: what JavaScript
// calls a Device. Owns the back end's function and the claim on its group and address space.
// Thread-safe.
//
// Closing has two halves. cut() is immediate: no access gets through any more, and mapped registers
// become anonymous memory. release() blocks and keeps the order that hardware needs: bus master
// off, interrupts off, the device, then its group, then the address space.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "sys/mapping.h"
#include "sys/unique_fd.h"
#include "vfio/backend.h"
#include "vfio/doorbells.h"
#include "vfio/registry.h"

namespace vfio {

enum class State : std::uint32_t { kLive, kBusy, kLost, kClosed };

/// A region's registers as far as they are mapped: offsets [begin, end) lie at base + offset.
struct Window {
  volatile std::uint8_t* base = nullptr;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

class Function final {
 public:
  /// Opens and quiets the function: memory decode on, bus master off, INTx masked. Blocks.
  static std::shared_ptr<Function> open(Registry::Claim claim, OpenRequest request);
  ~Function();
  Function(const Function&) = delete;
  Function& operator=(const Function&) = delete;

  const std::string& address() const noexcept { return address_.text(); }
  std::optional<int> group() const noexcept { return claim_->group(); }
  const FunctionInfo& info() const noexcept { return info_; }
  const std::optional<RegionInfo>& region(std::uint32_t index) const;
  const std::optional<IrqInfo>& irq(std::uint32_t index) const;

  /// Read before every access; the rest of an access needs no lock while this says kLive.
  const std::atomic<State>& state() const noexcept { return state_; }

  /// Maps a region's first mappable area on the first call; an empty window when there is none.
  /// Valid until the Function is destroyed.
  Window window(std::uint32_t region);

  /// The 32 bits at `offset`, in a mapping of their page that is for stores alone. After cut() they
  /// go nowhere.
  Doorbell doorbell(std::uint32_t region, std::uint64_t offset);

  /// One access through the back end, for what is not mapped.
  std::uint64_t read(std::uint32_t region, std::uint64_t offset, unsigned width);
  void write(std::uint32_t region, std::uint64_t offset, unsigned width, std::uint64_t value);

  bool bus_master();
  void set_bus_master(bool on);

  /// Arms vectors 0 .. n-1 of one interrupt index with eventfds, which the caller owns and keeps
  /// until disarm. One index at a time.
  void arm(std::uint32_t index, const std::vector<sys::UniqueFd>& eventfds);
  void disarm(std::uint32_t index);
  void trigger(std::uint32_t index, std::uint32_t vector);
  void mask_intx(bool masked);

  /// -1 when there never is a change, and after cut().
  int change_fd();
  Change take_change();

  /// Makes the function busy; throws when it is not live, or has no reset of its own. reset() must
  /// follow.
  void begin_reset();
  /// Blocks. Afterwards the function is as after open.
  void reset();

  // A hot reset, which takes several functions along, each in these steps (see HotReset).
  std::vector<AffectedFunction> hot_reset_info();
  /// Makes the function busy; throws when it is not live. end_reset() must follow.
  void become_busy();
  /// No DMA, no interrupt, and no store of JavaScript's own.
  void quiesce() noexcept;
  /// Of the one that was asked for it. Blocks.
  void hot_reset(const std::vector<sys::UniqueFd>& groups) { backend_->hot_reset(groups); }
  /// Live again, and, when it was reset, as after open.
  void end_reset(bool was_reset);

  /// Gets what goes on when another function's hot reset takes this one along: false as it begins,
  /// true when it is over. Called from any thread; not any more once another, or none, was set.
  void watch_hot_resets(std::function<void(bool over)> watcher);
  void taken_along(bool over) noexcept;

  void cut() noexcept;
  /// Blocks. Idempotent; after cut().
  void release() noexcept;

 private:
  Function(Registry::Claim claim, Address address, std::unique_ptr<FunctionBackend> backend);

  void read_info();
  void quiet();
  void check_live() const;
  void become(State to_leave, State next) noexcept;
  void check_vectors(std::uint32_t index, std::size_t count);
  std::uint16_t command();
  void set_command(std::uint16_t value);
  void change_command(std::uint16_t set, std::uint16_t clear);
  void disarm_now(std::uint32_t index);
  void abandon() noexcept;
  std::optional<sys::Mapping> map(std::uint32_t region, Area area);
  void restore_doorbells() noexcept;
  void mask_intx_line();

  std::optional<Registry::Claim> claim_;  // outlives backend_
  const Address address_;
  std::unique_ptr<FunctionBackend> backend_;
  FunctionInfo info_{};
  std::vector<std::optional<RegionInfo>> regions_;
  std::vector<std::optional<IrqInfo>> irqs_;

  std::atomic<State> state_{State::kLive};
  std::atomic<bool> lost_{false};
  std::shared_mutex in_use_;  // shared: a call of the back end; exclusive: its end
  std::mutex control_;        // command register, interrupts, windows
  std::optional<std::uint32_t> armed_;
  bool abandoned_ = false;  // it is nobody's any more, and the kernel would not disarm it
  struct MappedWindow {
    sys::Mapping mapping;
    Window window;
  };
  std::map<std::uint32_t, MappedWindow> windows_;
  Doorbells doorbells_;
  std::mutex watching_;
  std::function<void(bool)> watcher_;
};

}  // namespace vfio
