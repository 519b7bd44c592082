// SPDX-License-Identifier: MIT
// The reset of a whole slot or bus (VFIO_DEVICE_PCI_HOT_RESET), with all its functions open in this
// process.
#pragma once

#include <memory>
#include <vector>

#include "sys/unique_fd.h"
#include "vfio/attempt.h"
#include "vfio/function.h"
#include "vfio/registry.h"

namespace vfio {

/// The affected functions are busy from construction to the end of run(). Until then, nothing in
/// this process can open another function of the slot or bus. Used by one thread at a time.
class HotReset final {
 public:
  /// `asked` is the function whose hot reset was requested. If this throws, nothing has changed:
  /// Error kUnsupported if there is no such reset or this process does not hold an affected group;
  /// kBusy, kClosed or kLost if an affected function is in that state.
  explicit HotReset(std::shared_ptr<Function> asked);
  ~HotReset();
  HotReset(const HotReset&) = delete;
  HotReset& operator=(const HotReset&) = delete;

  /// Blocks. Afterwards, the functions are in the state after open. If the kernel refuses, this
  /// throws, and the functions are quiet: bus master off, interrupts disarmed.
  void run();

 private:
  void take(const std::vector<std::shared_ptr<Function>>& functions);
  void end(bool was_reset, Attempts& steps) noexcept;

  const std::shared_ptr<Function> asked_;
  std::vector<Registry::Claim> claims_;
  std::vector<sys::UniqueFd> groups_;
  std::vector<std::shared_ptr<Function>> busy_;  // until end() has released them
};

}  // namespace vfio
