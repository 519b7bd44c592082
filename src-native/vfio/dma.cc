// SPDX-License-Identifier: MIT
#include "vfio/dma.h"

#include <utility>

#include "vfio/attempt.h"
#include "vfio/errors.h"

namespace vfio {

namespace {

/// More than any machine has, and small enough that arithmetic on sizes cannot overflow.
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 46;

/// Checks the request first, so that no memory is allocated for a mapping that cannot be made.
std::shared_ptr<sys::Mapping> allocate(AddressSpace& space, const MapRequest& request) {
  space.check(request);
  const std::uint64_t size = request.size;
  if (size > kMostBytes) {
    throw Error(ErrorCode::kRange, std::to_string(size) + " bytes are more than can be mapped");
  }
  auto memory = std::make_shared<sys::Mapping>(sys::Mapping::of_memory(size, sys::page_size()));
  // The kernel pins memory that the device only reads without writing to it first.
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
  // If this fails, the kernel keeps the pages pinned and the address space keeps the IOVA, so the
  // device cannot corrupt other memory.
  attempt([this] { release(); });
}

void DmaBuffer::release() {
  if (space_ == nullptr) return;
  const std::shared_ptr<AddressSpace> space = std::exchange(space_, nullptr);
  memory_->tombstone();
  space->unmap(iova_);
}

}  // namespace vfio
