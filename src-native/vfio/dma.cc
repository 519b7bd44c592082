// SPDX-License-Identifier: MIT
#include "vfio/dma.h"

#include <utility>

#include "vfio/errors.h"

namespace vfio {

namespace {

constexpr std::uint64_t kHugePage = std::uint64_t{2} << 20;
/// More than any machine has, and well inside what arithmetic on sizes can bear.
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 46;

std::shared_ptr<sys::Mapping> allocate(std::uint64_t size, Direction direction) {
  if (size == 0) throw Error(ErrorCode::kRange, "a DMA mapping cannot be empty");
  if (size > kMostBytes) {
    throw Error(ErrorCode::kRange, std::to_string(size) + " bytes are more than can be mapped");
  }
  auto memory = std::make_shared<sys::Mapping>(
      sys::Mapping::of_memory(size, size >= kHugePage ? kHugePage : sys::page_size()));
  // The kernel pins what a device only reads without writing to it.
  if (direction == Direction::kToDevice) memory->populate();
  return memory;
}

}  // namespace

DmaBuffer::DmaBuffer(std::shared_ptr<AddressSpace> space, std::uint64_t size, Direction direction,
                     std::optional<std::uint64_t> iova)
    : space_(std::move(space)),
      memory_(allocate(size, direction)),
      size_(size),
      iova_(space_->map(memory_->data(), size, direction, iova)) {}

DmaBuffer::~DmaBuffer() {
  try {
    release();
  } catch (const std::exception&) {
    // The kernel keeps the pages pinned and the address space keeps the IOVA: nothing can be
    // corrupted.
  }
}

void DmaBuffer::release() {
  if (space_ == nullptr) return;
  const std::shared_ptr<AddressSpace> space = std::exchange(space_, nullptr);
  memory_->tombstone();
  space->unmap(iova_);
}

}  // namespace vfio
