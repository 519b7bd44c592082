// SPDX-License-Identifier: MIT
#include "vfio/address_space.h"

#include <bit>
#include <string>
#include <utility>

#include "vfio/attempt.h"
#include "vfio/errors.h"
#include "vfio/text.h"

namespace vfio {

namespace {

/// Larger pages exist only up to here on the IOMMUs there are, and a coarser alignment wastes
/// addresses.
constexpr std::uint64_t kLargestPage = std::uint64_t{1} << 30;

void check_aligned(std::uint64_t value, std::uint64_t page, const char* what) {
  if (value % page != 0) {
    throw Error(ErrorCode::kAlign, std::string(what) + " " + hex(value) +
                                       " is not a multiple of the IOMMU's page size " + hex(page));
  }
}

}  // namespace

AddressSpace::AddressSpace(std::unique_ptr<AddressSpaceBackend> backend)
    : backend_(std::move(backend)) {
  limits_ = backend_->limits();
  allocator_.set_ranges(limits_.ranges);
}

Limits AddressSpace::limits() {
  const std::lock_guard lock(mutex_);
  return backend_->limits();
}

std::uint64_t AddressSpace::map(void* memory, std::uint64_t size, Direction direction,
                                std::optional<std::uint64_t> fixed) {
  const std::lock_guard lock(mutex_);
  if (!limits_.attached) {
    throw Error(ErrorCode::kNoDevice,
                "no device is attached to this container yet, so it has no IOVAs");
  }
  if (size == 0) throw Error(ErrorCode::kRange, "a DMA mapping cannot be empty");
  const std::uint64_t smallest = limits_.page_sizes & (~limits_.page_sizes + 1);
  check_aligned(size, smallest, "size");
  if (fixed) check_aligned(*fixed, smallest, "IOVA");

  std::uint64_t iova = 0;
  if (fixed) {
    iova = *fixed;
    allocator_.reserve(iova, size);
  } else {
    iova = allocator_.allocate(size, page_size_for(size));
  }
  try {
    backend_->map(iova, memory, size, direction);
    mappings_.emplace(iova, Mapping{memory, size, direction});
  } catch (...) {
    allocator_.free(iova);
    throw;
  }
  return iova;
}

void AddressSpace::unmap(std::uint64_t iova) {
  const std::lock_guard lock(mutex_);
  const auto found = mappings_.find(iova);
  if (found == mappings_.end()) {
    throw Error(ErrorCode::kRange, "nothing is mapped at IOVA " + hex(iova));
  }
  // Without a device the kernel has forgotten the mapping already; only the books are left.
  try {
    if (limits_.attached) backend_->unmap(iova, found->second.size);
  } catch (...) {
    found->second.memory = nullptr;
    throw;
  }
  mappings_.erase(found);
  allocator_.free(iova);
}

std::unique_ptr<FunctionBackend> AddressSpace::open(const OpenRequest& request,
                                                    std::optional<int> group) {
  return backend_->open(request, group, attacher());
}

void AddressSpace::close(std::unique_ptr<FunctionBackend> function, const Address& address,
                         std::optional<int> group) {
  function.reset();
  leave([&] { backend_->detach(address, group); });
}

void AddressSpace::hold_group(int group, std::optional<sys::Duplicate> node) {
  backend_->hold_group(group, std::move(node), attacher());
}

void AddressSpace::release_group(int group) {
  leave([&] { backend_->release_group(group); });
}

/// A back end that fails to leave in order has left all the same, and what is left is to be known.
void AddressSpace::leave(const std::function<void()>& step) {
  const std::lock_guard lock(mutex_);
  try {
    step();
  } catch (...) {
    adopt_limits(false);
    throw;
  }
  adopt_limits(false);
}

Attach AddressSpace::attacher() {
  return [this](const std::function<void()>& step, const std::function<void()>& undo) {
    attach(step, undo);
  };
}

void AddressSpace::attach(const std::function<void()>& step, const std::function<void()>& undo) {
  const std::lock_guard lock(mutex_);
  const bool was_attached = limits_.attached;
  step();
  try {
    adopt_limits(!was_attached);
  } catch (...) {
    // What is left is to be known, whatever becomes of the undoing; what failed first is thrown.
    attempt(undo);
    attempt([this] { adopt_limits(false); });
    throw;
  }
}

/// Reads the limits anew. With `replay`, the first device has just arrived, and the kernel knows
/// none of the mappings: they are made again at their IOVAs.
void AddressSpace::adopt_limits(bool replay) {
  limits_ = backend_->limits();
  allocator_.set_ranges(limits_.ranges);
  if (!limits_.attached) {
    forget_abandoned();
    return;
  }
  for (const auto& [iova, mapping] : mappings_) {
    if (!allocator_.inside(iova, mapping.size)) {
      throw Error(ErrorCode::kRange,
                  "the mapping at IOVA " + hex(iova) +
                      " lies outside the ranges that are left with the new device attached");
    }
    if (replay) backend_->map(iova, mapping.memory, mapping.size, mapping.direction);
  }
}

/// With the last device the kernel has let go of everything, also of what it would not unmap.
void AddressSpace::forget_abandoned() {
  for (auto entry = mappings_.begin(); entry != mappings_.end();) {
    const auto& [iova, mapping] = *entry;
    if (mapping.memory != nullptr) {
      ++entry;
      continue;
    }
    allocator_.free(iova);
    entry = mappings_.erase(entry);
  }
}

/// The largest page the IOMMU could use for a buffer of this size; its IOVA is aligned to that.
std::uint64_t AddressSpace::page_size_for(std::uint64_t size) const {
  const std::uint64_t limit = std::min(std::bit_floor(size), kLargestPage);
  const std::uint64_t usable = limits_.page_sizes & (limit | (limit - 1));
  return std::bit_floor(usable);
}

}  // namespace vfio
