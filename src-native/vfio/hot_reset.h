// SPDX-License-Identifier: MIT
// The reset of a whole slot or bus (VFIO_DEVICE_PCI_HOT_RESET), with every function of ours on it.
#pragma once

#include <memory>
#include <vector>

#include "sys/unique_fd.h"
#include "vfio/attempt.h"
#include "vfio/function.h"
#include "vfio/registry.h"

namespace vfio {

/// The functions are busy from construction to the end of run(), and until then nobody in this
/// process opens another one there. Used by one thread at a time.
class HotReset final {
 public:
  /// `asked` is the function to reset with all that has to be reset along with it. Throws, and
  /// nothing has changed: Error kUnsupported when there is no such reset or a group is not held
  /// here, kBusy, kClosed, kLost when one of them is.
  explicit HotReset(std::shared_ptr<Function> asked);
  ~HotReset();
  HotReset(const HotReset&) = delete;
  HotReset& operator=(const HotReset&) = delete;

  /// Blocks. The functions are as after open, or, when the kernel refuses and this throws, quiet.
  void run();

 private:
  void take(const std::vector<std::shared_ptr<Function>>& functions);
  void end(bool was_reset, Attempts& steps) noexcept;

  const std::shared_ptr<Function> asked_;
  std::vector<Registry::Claim> claims_;
  std::vector<sys::UniqueFd> groups_;
  std::vector<std::shared_ptr<Function>> busy_;  // until they have ended
};

}  // namespace vfio
