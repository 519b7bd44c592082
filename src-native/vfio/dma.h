// SPDX-License-Identifier: MIT
// Memory that the library allocated and mapped for the devices of one address space. The memory is
// shared with the ArrayBuffers that view it, and is freed after the last of them. The mapping ends
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

  /// Replaces the memory with zeros in this process, then unmaps it from the devices. If the kernel
  /// does not unmap it, this throws. The device may then still write to the old pages, but nothing
  /// in this process can reach them.
  void release();

 private:
  std::shared_ptr<AddressSpace> space_;  // empty once released
  std::shared_ptr<sys::Mapping> memory_;
  std::uint64_t size_;
  std::uint64_t iova_;
};

}  // namespace vfio
