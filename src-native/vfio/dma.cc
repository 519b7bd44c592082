// SPDX-License-Identifier: MIT
#include "vfio/dma.h"

#include <utility>

#include "vfio/attempt.h"
#include "vfio/errors.h"

namespace vfio {

namespace {

/// More than any machine has, and well inside what arithmetic on sizes can bear.
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 46;

/// Nothing is allocated for what cannot be mapped.
std::shared_ptr<sys::Mapping> allocate(AddressSpace& space, const MapRequest& request) {
  space.check(request);
  const std::uint64_t size = request.size;
  if (size > kMostBytes) {
    throw Error(ErrorCode::kRange, std::to_string(size) + " bytes are more than can be mapped");
  }
  auto memory = std::make_shared<sys::Mapping>(sys::Mapping::of_memory(size, sys::page_size()));
  // The kernel pins what a device only reads without writing to it.
  if (request.direction == Direction::kToDevice) memory->populate();
  return memory;
}

}  // namespace

DmaBuffer::DmaBuffer(std::shared_ptr<AddressSpace> space, const MapRequest& request)
    : space_(std::move(space)),
      memory_(allocate(*space_, request)),
      size_(request.size),
      iova_(space_->map(memory_->data(), request)) {}

DmaBuffer::~DmaBuffer() {
  // If it fails, the kernel keeps the pages pinned and the address space keeps the IOVA, so nothing
  // can be corrupted.
  attempt([this] { release(); });
}

void DmaBuffer::release() {
  if (space_ == nullptr) return;
  const std::shared_ptr<AddressSpace> space = std::exchange(space_, nullptr);
  memory_->tombstone();
  space->unmap(iova_);
}

}  // namespace vfio
