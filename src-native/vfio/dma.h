// SPDX-License-Identifier: MIT
// Memory of ours, mapped for the devices of one address space. The memory itself is shared with
// whoever still looks at it (ArrayBuffers), and is freed after the last of them; the mapping ends
// at release().
#pragma once

#include <cstdint>
#include <memory>

#include "sys/mapping.h"
#include "vfio/address_space.h"

namespace vfio {

class DmaBuffer final {
 public:
  /// See AddressSpace::map for what it throws.
  DmaBuffer(std::shared_ptr<AddressSpace> space, const MapRequest& request);
  ~DmaBuffer();
  DmaBuffer(const DmaBuffer&) = delete;
  DmaBuffer& operator=(const DmaBuffer&) = delete;

  std::uint64_t iova() const noexcept { return iova_; }
  std::uint64_t size() const noexcept { return size_; }
  const std::shared_ptr<sys::Mapping>& memory() const noexcept { return memory_; }

  /// Puts zeros where the memory was, then unmaps it from the devices. When the kernel does not
  /// unmap, this throws and the pages stay where the device may still write, out of anybody's
  /// reach.
  void release();

 private:
  std::shared_ptr<AddressSpace> space_;  // empty once released
  std::shared_ptr<sys::Mapping> memory_;
  std::uint64_t size_;
  std::uint64_t iova_;
};

}  // namespace vfio
